"""How a gateway starts: what it says when it cannot, and what it shows once."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest
from house import House


@pytest.mark.parametrize("option", ["--listen", "--admin-listen"])
async def test_an_address_that_is_taken_is_named_and_no_key_was_shown_for_nothing(
    tmp_path: Path, option: str
) -> None:
    house = House(tmp_path)
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        free = f"127.0.0.1:{probe.getsockname()[1]}"
    with closing(socket.create_server(("127.0.0.1", 0))) as busy:
        taken = f"127.0.0.1:{busy.getsockname()[1]}"
        both = {"--listen": free, "--admin-listen": free, option: taken}
        arguments = [word for pair in both.items() for word in pair]
        refused = await house.command("serve", *arguments)
    assert refused.status == 1
    assert refused.stdout == ""
    last = refused.stderr.splitlines()[-1]
    assert last.startswith(f"Error: cannot listen on {taken} (Address already in use): ")
    assert f"with {option}" in last
    assert "ak_" not in refused.stderr
    async with house.serve() as gateway:
        assert gateway.key.startswith("ak_")
        assert await gateway.ask()
