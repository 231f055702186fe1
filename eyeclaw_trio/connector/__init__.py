"""The bot's side: answers commands with a provider, over a link or inside the gateway's process."""
