"""What people would run instead of the gateway: servers for the same messages.

peer            what the harness asks of each
python_peers    Starlette under uvicorn and under hypercorn: starlette_app.py
node_peer       Node and ws: node_ws/
nchan_peer      nginx and nchan: nchan/
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .nchan_peer import NCHAN
from .node_peer import NODE
from .peer import CannotPrepare, Dialect, Peer
from .python_peers import HYPERCORN, UVICORN

__all__ = ["PEERS", "CannotPrepare", "Dialect", "Peer"]

PEERS: Final[Sequence[Peer]] = (HYPERCORN, UVICORN, NODE, NCHAN)
