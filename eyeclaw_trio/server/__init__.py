"""Peers that come to us: glasses over HTTP and SSE, bots over WebSocket."""
