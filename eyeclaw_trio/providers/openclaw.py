"""The OpenClaw of this machine: asked without being configured, when it is there (CLI)."""

from __future__ import annotations

from typing import Final

import httpx2

from eyeclaw_trio.providers.ready_made import READY_MADE

NAME: Final = "openclaw"
# It is on this machine: whoever needs longer is not there (seconds).
LOOK_WITHIN: Final = 1.0


async def is_openclaw_there(base_url: str = READY_MADE[NAME].base_url) -> bool:
    """Whether an OpenClaw answers at its usual address; takes at most LOOK_WITHIN seconds.

    Never raises; cancelled, it closes its connection.
    """
    address = base_url.removesuffix("/v1") + "/healthz"
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=LOOK_WITHIN) as client:
            return (await client.get(address)).status_code < 500
    except httpx2.HTTPError:
        return False
