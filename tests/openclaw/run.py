"""`make test-openclaw`: the real OpenClaw, asked alone and through our own program.

Installs OpenClaw (see install.py), runs it with a stand-in model as its only provider and all its
state in a temporary folder, and asks it directly, through `eyeclaw serve` with an embedded bot,
and through `eyeclaw serve` with a bot that `eyeclaw connect` links. Prints one line for each
check and the times to the first words; the exit status is 0 when every check passed, else 1.
`--alone` leaves our own program out.
"""

from __future__ import annotations

import os
import signal
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Final

import httpx2
import trio
from asking import ChatClient, Glasses, Heard, expect
from attrs import define, field, frozen
from children import LOG_TAIL, ChildFailed
from eyeclaw_processes import FIRST_TOKEN_TIMEOUT, Gateway, prepare_all
from install import Installation, InstallFailed, install
from openclaw_process import TOKEN, OpenClaw
from stand_in_model import FAILING, REFUSED, REFUSED_IN_BAND, WORDS, StandInModel, asking_for
from ways import Direct, Worn

ROUNDS: Final = 9  # of timing; the ways take turns, so that a busy moment hits all of them
STEP_TIMEOUT: Final = 30.0  # seconds
WARM_UP_TIMEOUT: Final = 60.0  # the first answer after a start takes 4 to 6 s
RETRY_ROOM: Final = 6.0  # beyond the first-token time-out, for the failure to be told
RETRY_PAUSE: Final = 12.0  # OpenClaw's pause after its third failure is 4 s, give or take half
WHOLE_TIMEOUT: Final = 600.0

Ask = Callable[[str], Awaitable[Heard]]


@define
class Report:
    """What passed and what did not, told line by line as it happens."""

    failed: list[str] = field(factory=list)

    async def step(
        self, name: str, check: Callable[[], Awaitable[str]], timeout: float = STEP_TIMEOUT
    ) -> None:
        started = trio.current_time()
        try:
            with trio.fail_after(timeout):
                detail = await check()
        except Exception as error:
            self.fail(name, error)
        else:
            tell(f"ok   {name}: {detail} [{trio.current_time() - started:.1f} s]")

    def fail(self, name: str, error: Exception) -> None:
        self.failed.append(name)
        tell(f"FAIL {name}: {type(error).__name__}: {error}")


async def measure(ways: Mapping[str, Ask]) -> str:
    """Time to the first words by each way, in turns; the table."""
    firsts: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(ROUNDS):
        for way, ask in ways.items():
            firsts[way].append((await ask(asking_for(WORDS, f"第{number}个问题"))).first * 1000)
    lines = [f"time to the first words, ms, {ROUNDS} questions each, warm: median (min-max)"]
    for way, times in firsts.items():
        median = statistics.median(times)
        lines.append(f"       {way:<20}{median:7.1f} ({min(times):.1f}-{max(times):.1f})")
    return "\n".join(lines)


@frozen
class Check:
    """The whole of it. Each part starts what it needs and ends it again."""

    folder: Path
    openclaw: OpenClaw
    model: StandInModel
    gateways: list[Gateway]
    report: Report

    async def run(self) -> None:
        for part in (self.with_endpoint_on, self.with_endpoint_off, self.without_openclaw):
            failed = len(self.report.failed)
            await part()
            if len(self.report.failed) > failed:
                self.tell_logs()  # before the next part writes over them

    def tell_logs(self) -> None:
        for log in sorted(self.folder.rglob("*.stderr")):
            tell(f"--- the end of {log.name}\n{log.read_text(errors='replace')[-LOG_TAIL:]}")

    async def with_endpoint_on(self) -> None:
        step = self.report.step
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.openclaw.running(endpoint=True))
            direct = Direct(self._client(await self._http(stack)), self.model)
            await step("alone: warm-up", direct.warm_up, WARM_UP_TIMEOUT)
            await step("alone: answer", direct.check_answer)
            await step("alone: wrong token", direct.check_token)
            await step("alone: hang-up", direct.check_hang_up)
            for script in (REFUSED, REFUSED_IN_BAND):
                await step(f"alone: model fails, {script}", partial(direct.check_failure, script))
            worn = await self._worn(stack)
            for name, each in worn.items():
                await step(f"{name}: answer", each.check_answer)
            ways: dict[str, Ask] = {"alone": direct.ask}
            ways.update((name, each.ask) for name, each in worn.items())
            await step("measured", partial(measure, ways), 4 * STEP_TIMEOUT)
            for name, each in worn.items():
                await step(f"{name}: hang-up", each.check_hang_up)
                for script in (REFUSED, REFUSED_IN_BAND):
                    await step(
                        f"{name}: model fails, {script}", partial(each.check_failure, script)
                    )
                await step(
                    f"{name}: model fails, {FAILING}, retried by OpenClaw",
                    partial(each.check_failure, FAILING),
                    FIRST_TOKEN_TIMEOUT + RETRY_ROOM,
                )
                await step(f"{name}: answer after failures", each.check_answer)
            if worn:
                await step("the retries ended with the questions", self.check_silence)

    async def check_silence(self) -> str:
        """OpenClaw asks no more for answers that nobody waits for."""
        asked = len(self.model.questions)
        await trio.sleep(RETRY_PAUSE)
        more = len(self.model.questions) - asked
        expect(not more, f"the model was asked {more} times more")
        return f"none in {RETRY_PAUSE:.0f} s"

    async def with_endpoint_off(self) -> None:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.openclaw.running(endpoint=False))
            direct = Direct(self._client(await self._http(stack)), self.model)
            await self.report.step("alone: endpoint off", direct.check_endpoint_off)
            for name, each in (await self._worn(stack)).items():
                await self.report.step(f"{name}: endpoint off", partial(each.check_failure, WORDS))

    async def without_openclaw(self) -> None:
        async with AsyncExitStack() as stack:
            for name, each in (await self._worn(stack)).items():
                await self.report.step(
                    f"{name}: OpenClaw not running", partial(each.check_failure, WORDS)
                )

    async def _worn(self, stack: AsyncExitStack) -> dict[str, Worn]:
        """Our gateways, started, each with glasses in front of it."""
        worn = {}
        for gateway in self.gateways:
            try:
                address = await stack.enter_async_context(gateway.running())
            except ChildFailed as error:
                self.report.fail(f"{gateway.name}: start", error)
                continue
            glasses = Glasses(await self._http(stack), address, gateway.key)
            worn[gateway.name] = Worn(glasses, self.model)
        return worn

    async def _http(self, stack: AsyncExitStack) -> httpx2.AsyncClient:
        return await stack.enter_async_context(httpx2.AsyncClient(trust_env=False))

    def _client(self, http: httpx2.AsyncClient) -> ChatClient:
        return ChatClient(http, self.openclaw.base_url, TOKEN)


async def check_all(installation: Installation, folder: Path, *, alone: bool) -> int:
    report, model = Report(), StandInModel()
    with trio.move_on_after(WHOLE_TIMEOUT) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancel_on_sigterm, scope)
            await nursery.start(model.start)
            (folder / "openclaw").mkdir()
            openclaw = OpenClaw(installation, folder / "openclaw", model.base_url)
            gateways = [] if alone else make_gateways(openclaw, folder)
            await prepare_all(gateways)
            await Check(folder, openclaw, model, gateways, report).run()
            nursery.cancel_scope.cancel()
    if scope.cancelled_caught:
        report.failed.append("the whole")
        tell(f"FAIL the whole: ended from outside, or not over after {WHOLE_TIMEOUT:.0f} s")
    tell(f"{len(report.failed)} failed: {', '.join(report.failed)}" if report.failed else "passed")
    return 1 if report.failed else 0


def make_gateways(openclaw: OpenClaw, folder: Path) -> list[Gateway]:
    return [
        Gateway("embedded", folder / "embedded", openclaw.base_url, is_linked=False),
        Gateway("linked", folder / "linked", openclaw.base_url, is_linked=True),
    ]


async def cancel_on_sigterm(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    alone = "--alone" in sys.argv[1:]
    os.umask(0o077)
    try:
        installation = install()
        tell(f"OpenClaw {installation.version}")
        with tempfile.TemporaryDirectory(prefix="eyeclaw-openclaw-") as folder:
            return trio.run(partial(check_all, installation, Path(folder), alone=alone))
    except* (InstallFailed, ChildFailed) as errors:
        for error in errors.exceptions:
            tell(f"FAIL {error}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
