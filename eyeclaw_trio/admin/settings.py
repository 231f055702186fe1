"""What can be said about the pages: `[admin]`."""

from __future__ import annotations

from attrs import frozen


@frozen
class AdminSettings:
    """`allowed_hosts` are host names besides loopback that the pages answer to: in lower case,
    without a port (`admin/hosts`). `session_hours`: so long a browser stays signed in."""

    allowed_hosts: tuple[str, ...] = ()
    session_hours: int = 168
