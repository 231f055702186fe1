"""The heart: turns and who is connected. trio, but neither sockets nor the store."""
