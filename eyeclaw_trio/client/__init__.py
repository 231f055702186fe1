"""The gateway's own clients in the terminal: glasses that ask, and a chat."""
