"""Which bot at which gateway a connector links, and what it shows there."""

from __future__ import annotations

from typing import Final

from attrs import field, frozen

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.protocol.cable import SUBPROTOCOL
from eyeclaw_trio.protocol.endpoint import CABLE_PATH, Endpoint, read_endpoint
from eyeclaw_trio.wire.connect import UpgradeRequest

# A question with its whole history, in characters; a gateway takes requests of 1 MiB, and a
# command holds what was asked up to three times.
LARGEST_COMMAND: Final = 8_388_608


@frozen
class LinkTarget:
    """One bot at one gateway, whose address is `url` (`protocol/endpoint`).

    Raises ConfigurationError for an address that cannot be used, and for a token that no header
    can carry; the token is in no message.
    """

    url: str
    bot_id: int
    token: str = field(repr=False)
    endpoint: Endpoint = field(init=False)

    @endpoint.default
    def _read_endpoint(self) -> Endpoint:
        return read_endpoint(self.url)

    def __attrs_post_init__(self) -> None:
        if not self.token or not all("!" <= c <= "~" for c in self.token):
            raise ConfigurationError("must be printable ASCII without spaces", key="token")

    @property
    def upgrade(self) -> UpgradeRequest:
        """What is asked for there."""
        return UpgradeRequest(
            resource=f"{CABLE_PATH}?bot_id={self.bot_id}",
            headers=[(b"Authorization", f"Bearer {self.token}".encode())],
            largest_message=LARGEST_COMMAND,
            subprotocols=[SUBPROTOCOL],
        )

    @property
    def shown(self) -> str:
        """The address as the user may see it."""
        return f"{self.endpoint.websocket_url}{CABLE_PATH}"
