"""eyeclaw-trio: Rokid glasses ask, your own agent answers.

protocol/   what the bytes mean (pure)
core/       what to decide (pure; time is an argument)
relay/      the heart: one question out, one answer back (trio, no sockets)
server/     peers that come to us: glasses, bots, workers (h11, trio-websocket)
connector/  the bot's side: answers commands, beside a model or inside this process
providers/  models that are asked
store/      SQLite in the data folder, and the snapshot that requests read
admin/      metrics and pages, on a listener of their own
"""

__version__ = "0.1.0"
