"""RELIABILITY 42: a renewed certificate is served without a restart."""

from __future__ import annotations

import signal
import ssl
from pathlib import Path

import attrs
import trio
import trustme
from fakes import assert_whole, spoken
from house import House
from processes import eventually
from running_gateway import Gateway


def issue(authority: trustme.CA, house: House) -> int:
    """A new certificate in the files that the settings name; its serial number."""
    leaf = authority.issue_cert("127.0.0.1")
    leaf.private_key_pem.write_to_path(str(house.folder / "key.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(house.folder / "certificate.pem"))
    decoded = ssl._ssl._test_decode_cert(str(house.folder / "certificate.pem"))  # type: ignore[attr-defined]
    return int(decoded["serialNumber"], 16)


async def serial_shown(gateway: Gateway) -> int:
    """The serial number that a client is shown that connects now."""
    stream = await gateway.open_stream()
    assert isinstance(stream, trio.SSLStream)
    async with stream:
        await stream.do_handshake()
        return int(stream.getpeercert()["serialNumber"], 16)


async def test_row_42_at_sighup_the_new_certificate_is_served_and_answers_go_on(
    tmp_path: Path,
) -> None:
    house, authority = House(tmp_path), trustme.CA()
    house.configure('tls_certificate = "certificate.pem"\ntls_key = "key.pem"\n')
    first = issue(authority, house)
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    bot = house.add_bot("home")
    async with house.serve(scheme="https") as plain:
        gateway = attrs.evolve(plain, trusted=trusted)
        assert await serial_shown(gateway) == first
        async with gateway.sdk(bot) as sdk, gateway.glasses() as glasses:
            await sdk.link()
            await gateway.send(glasses, agent_id="home")
            turn = await sdk.receive_turn()
            await sdk.chunk(turn, 0, "一")
            assert spoken([await glasses.receive_event()]) == "一"

            # A broken one is refused, said in the log, and the old one kept.
            (house.folder / "certificate.pem").write_text("no certificate")
            gateway.process.send_signal(signal.SIGHUP)

            async def is_refused() -> bool:
                return "tls.renewal_refused" in (gateway.child.log if gateway.child else "")

            await eventually(is_refused, seconds=5)
            assert await serial_shown(gateway) == first

            second = issue(authority, house)
            assert second != first
            gateway.process.send_signal(signal.SIGHUP)

            async def is_served() -> bool:
                return await serial_shown(gateway) == second

            await eventually(is_served, seconds=5)
            await sdk.chunk(turn, 1, "二")
            await sdk.end(turn, "一二", 2)
            assert_whole(await glasses.receive_answer(), "二")
            assert (await gateway.health())[0] == 200
