"""The OpenClaw of this machine: asked without being configured, when it is there (CLI)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx2

from eyeclaw_trio.providers.settings import ProviderSettings

NAME: Final = "openclaw"
TOKEN_VARIABLE: Final = "OPENCLAW_GATEWAY_TOKEN"  # noqa: S105 (its name, not its value)
BASE_URL: Final = "http://127.0.0.1:18789/v1"
MODEL: Final = "openclaw/main"
# It is on this machine: whoever needs longer is not there (seconds).
LOOK_WITHIN: Final = 1.0


def with_local_openclaw(
    providers: Mapping[str, ProviderSettings], environ: Mapping[str, str]
) -> dict[str, ProviderSettings]:
    """The providers, and `openclaw` with its usual address where only its token is given."""
    token = environ.get(TOKEN_VARIABLE, "").strip()
    if NAME in providers or not token:
        return dict(providers)
    local = ProviderSettings(NAME, base_url=BASE_URL, api_key=token, model=MODEL)
    return {**providers, NAME: local}


async def is_openclaw_there(base_url: str = BASE_URL) -> bool:
    """Whether an OpenClaw answers at its usual address; takes at most LOOK_WITHIN seconds."""
    address = base_url.removesuffix("/v1") + "/healthz"
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=LOOK_WITHIN) as client:
            return (await client.get(address)).status_code < 500
    except httpx2.HTTPError:
        return False
