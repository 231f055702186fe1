"""eyeclaw-trio: Rokid glasses ask, your own agent answers.

protocol/   what the bytes mean (pure)
core/       what to decide (pure; time is an argument)
wire/       bytes moving: HTTP, WebSockets, one poller and one writer for all (no turns)
relay/      the heart: one question out, one answer back (trio, no sockets)
providers/  models that are asked
photos/     photos that come by an address: checked, fetched, made what models take
push/       what is said to glasses outside an answer: the platform that brings it
store/      SQLite in the data folder, and the snapshot that requests read
server/     peers that come to us: glasses, bots, workers, chat clients
connector/  the bot's side: answers commands, beside a model or inside this process
client/     ask and chat: the gateway's own clients in the terminal
admin/      metrics and pages, on a listener of their own
app/        what starts, in which order, and how it ends
settings/   file, environment and options, read into small groups
cli/        commands, no logic
"""

__version__ = "0.1.0"
