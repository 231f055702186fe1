"""What a set-up says of itself when it is looked at from beside: facts in, diagnoses out. Pure.

What the running gateway finds out itself is said in the words of `checkup_words`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from eyeclaw_trio.core.checkup import Facts, Level, check_up
from eyeclaw_trio.core.checkup_words import advise, tell
from eyeclaw_trio.core.diagnosis import Diagnosis, State

# A certificate is renewed a month before its end by those who do that by themselves (days).
RENEWED_BY: Final = 14.0
# Seconds by which two clocks may differ: certificates and time-outs of models bear that.
CLOCKS_DIFFER: Final = 120.0
_DAY: Final = 86_400.0
# An answer that took less than this, in seconds, says nothing about whether it was collected.
_TELLING: Final = 0.4
# A stream whose pieces all came within this share of its time was collected on the way.
_AT_ITS_END: Final = 0.2

_STATES: Final[Mapping[Level, State]] = {"good": "ok", "warn": "warn", "bad": "fail"}
# What the findings are about, for scripts: the name stays whatever was found.
_CHECKS: Final = {
    "store": ("store_ok", "store_degraded", "store_dropped"),
    "backup": ("backup_waiting",),
    "keys": ("keys", "no_key"),
    "default_bot": ("no_default_bot",),
    "bots": ("no_bot", "no_bot_online", "bots_offline", "bots_online"),
    "links": ("bots_flapping", "old_sdks"),
    "listener": ("on_loopback", "public_with_tls", "public_without_tls"),
    "disk": ("disk_ok", "disk_little", "disk_full", "disk_unknown"),
    "gateway": ("running", "draining"),
    "clock": ("clock_wrong",),
}
_CHECK_OF: Final = {name: check for check, names in _CHECKS.items() for name in names}
# What only a running gateway can tell.
_OF_RUNNING: Final = frozenset(
    {"running", "draining", "store_ok", "bots_online", "bots_offline", "no_bot_online"}
)


def judge_facts(facts: Facts, *, is_running: bool) -> Iterator[Diagnosis]:
    """The findings of a look at the whole gateway, as diagnoses."""
    for finding in check_up(facts):
        check = _CHECK_OF.get(finding.name)
        if check is None or (not is_running and finding.name in _OF_RUNNING):
            continue
        fix = advise(finding, "en")
        yield Diagnosis(check, _STATES[finding.level], tell(finding, "en"), fix)


@frozen
class FolderFacts:
    """The data folder as the system has it: `mode` are its permission bits, and `is_read_only`
    says that its file system is mounted so."""

    path: str
    exists: bool
    owner: str = ""
    is_ours: bool = True
    mode: int = 0o700
    is_read_only: bool = False


def judge_folder(folder: FolderFacts) -> Diagnosis:
    """Whether the data folder is there, ours, and closed to others."""
    if not folder.exists:
        return Diagnosis("data", "warn", f"There is no data folder {folder.path} yet.", MAKE_FOLDER)
    if not folder.is_ours:
        return Diagnosis(
            "data",
            "fail",
            f"The data folder {folder.path} belongs to {folder.owner}, not to you.",
            f"Run this as {folder.owner} (`runuser -u {folder.owner} -- eyeclaw …`), or give it "
            f"to the user of the gateway: `chown -R USER {folder.path}`",
        )
    if folder.is_read_only:
        return Diagnosis(
            "data",
            "fail",
            f"The disk of the data folder {folder.path} is read-only: nothing can be written.",
            "Mount it for writing (`mount -o remount,rw`; `dmesg` says whether the system has made "
            "it read-only after a fault), or choose another folder with `--data`",
        )
    if folder.mode & 0o077:
        is_open = folder.mode & 0o002
        return Diagnosis(
            "data",
            "fail" if is_open else "warn",
            f"Others may {'write to' if is_open else 'look into'} the data folder {folder.path} "
            f"(mode {folder.mode:04o}).",
            f"`chmod 0700 {folder.path}`, or `eyeclaw doctor --fix`",
        )
    return Diagnosis("data", "ok", f"The data folder is {folder.path}, yours and closed to others.")


MAKE_FOLDER: Final = (
    "`eyeclaw serve` makes it, with a bot and a key; so does `eyeclaw doctor --fix`"
)


def judge_clock(now: float, newest: float | None, elsewhere: Sequence[float]) -> Diagnosis | None:
    """The wall clock beside what was written last and what others say (all unix seconds); None
    where it was never set, which `judge_facts` says."""
    fix = "Set the clock, and keep it by NTP: `timedatectl set-ntp true`"
    if newest is not None and newest - now > CLOCKS_DIFFER:
        late = _duration(newest - now)
        text = f"The clock is {late} behind what was written in the data folder."
        return Diagnosis("clock", "fail", text, fix)
    for other in elsewhere:
        if abs(other - now) > CLOCKS_DIFFER:
            way = "behind" if other > now else "before"
            text = f"The clock is {_duration(abs(other - now))} {way} that of others."
            return Diagnosis("clock", "fail", text, fix)
    beside = " and agrees with that of others" if elsewhere else ""
    return Diagnosis("clock", "ok", f"The clock is set{beside}.")


def judge_files(hard: int | None, needed: int, spare: int) -> Diagnosis:
    """How many files this process may open at most, None: without limit."""
    if hard is None or hard >= needed:
        return Diagnosis("files", "ok", f"Enough files can be open: {hard or 'no limit'}.")
    fix = f"In a systemd unit `LimitNOFILE={needed}`, or fewer `limits.connections`"
    if hard <= spare:
        text = f"Only {hard} files may be open: too few for a single connection."
        return Diagnosis("files", "fail", text, fix)
    text = f"Only {hard} files may be open: enough for {hard - spare} connections."
    return Diagnosis("files", "warn", text, fix)


def judge_certificate(host: str, ends: float, now: float) -> Diagnosis:
    """A certificate that is trusted, and when it ends (unix seconds)."""
    days = (ends - now) / _DAY
    text = f"The certificate of {host} is good for {days:.0f} days more."
    if days > RENEWED_BY:
        return Diagnosis("certificate", "ok", text)
    fix = "Renew it: does what fetches it (Caddy, certbot) still run, and is port 80 open for it?"
    return Diagnosis("certificate", "warn" if days > 0 else "fail", text, fix)


@frozen
class StreamTimes:
    """When the first and the last piece of a probe's answer came, in seconds since it was asked,
    and how many pieces there were."""

    first: float
    last: float
    pieces: int


def judge_stream(times: StreamTimes) -> Diagnosis:
    """Whether somebody on the way collects an answer before passing it on."""
    if times.last < _TELLING or times.pieces < 2:
        text = f"The answer came in {times.last:.1f} s: too soon to tell whether it is collected."
        return Diagnosis("stream", "warn", text, "Ask again with a bot that speaks longer")
    if times.last - times.first < _AT_ITS_END * times.last:
        return Diagnosis(
            "stream",
            "fail",
            f"The answer is collected on the way: nothing came for {times.first:.1f} s, and then "
            "all of it.",
            "nginx: `proxy_buffering off;` and `proxy_http_version 1.1;`; elsewhere switch "
            "response buffering and compression off: docs/en/proxies.md",
        )
    spread = times.last - times.first
    text = f"The answer streams: {times.pieces} pieces over {spread:.1f} s."
    return Diagnosis("stream", "ok", text)


def judge_wrong_key(status: int) -> Diagnosis:
    """What somebody gets who has no key."""
    if status == 401:
        return Diagnosis("wrong_key", "ok", "A wrong key is refused with 401.")
    if status < 400:
        text, fix = "A wrong key is let in.", "Something else answers there: look at the proxy"
        return Diagnosis("wrong_key", "fail", text, fix)
    text = f"A wrong key gets HTTP {status} in place of 401."
    fix = "A proxy or a firewall answers in the gateway's place: let it pass everything on"
    return Diagnosis("wrong_key", "warn", text, fix)


def judge_plain_http(status: int | None, location: str) -> Diagnosis:
    """What is at port 80 of a name that has TLS; no status: nothing listens."""
    if status is None:
        return Diagnosis("plain_http", "ok", "Nothing listens without TLS.")
    if 300 <= status < 400 and location.startswith("https://"):
        return Diagnosis("plain_http", "ok", "Plain HTTP is sent to HTTPS.")
    return Diagnosis(
        "plain_http",
        "warn",
        f"Plain HTTP is answered with {status}: whoever forgets the s sends the key in clear.",
        "Redirect port 80 to https://, as Caddy does by itself",
    )


def _duration(seconds: float) -> str:
    if seconds >= _DAY:
        return f"{seconds / _DAY:.1f} days"
    return f"{seconds / 60:.0f} minutes"
