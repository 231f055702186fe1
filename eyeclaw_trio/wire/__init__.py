"""Bytes moving, fast: sockets, HTTP/1.1, WebSockets. No turns, no keys."""
