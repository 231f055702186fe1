"""Getting in: the owner's password, the first visit, the brake on guessing, and who is signed in.

Sessions and tokens are looked up in the database at each request: one that was ended, by a page
or by a command beside this process, is over with the next request.
"""

from __future__ import annotations

import hmac
import math
import secrets
from functools import partial
from typing import Final

import structlog
import trio
from attrs import define, field, frozen

from eyeclaw_trio.admin.office import Desk, Views
from eyeclaw_trio.admin.passwords import fault_of_password, hash_password, is_password
from eyeclaw_trio.core.throttle import Throttle
from eyeclaw_trio.errors import RequestRefused
from eyeclaw_trio.protocol.harmless import harmless_line
from eyeclaw_trio.protocol.timestamps import to_stamp
from eyeclaw_trio.store import admin_access
from eyeclaw_trio.store.admin_access import AdminSession, AdminToken
from eyeclaw_trio.store.columns import read_clock
from eyeclaw_trio.wire.peer_log import PeerLog

log = structlog.get_logger(__name__)

# Wrong passwords that one address may try in a minute.
WRONG_PASSWORDS: Final = 10
# Who may wait for the one thread that checks passwords: each check takes some 0.2 s and 32 MiB.
_WAITING: Final = 16
# "Last seen" is for people to read: seconds between two writes of one session's.
_SEEN_EVERY: Final = 60.0
_REMEMBERED: Final = 1_000
_LONGEST_BROWSER: Final = 200  # characters of its name


class WrongPassword(RequestRefused):
    """It was not the owner's, or not the code of the first visit."""

    def __init__(self, error: str = "Wrong password") -> None:
        super().__init__(401, error)


@frozen
class Applicant:
    """Who wants to be let in: its address, and what it calls itself."""

    address: str
    browser: str


@frozen
class Visitor:
    """Who is let in: a browser that is signed in, or a script with a token."""

    session: AdminSession | None = None
    token: AdminToken | None = None


@define(eq=False)
class Doorkeeper:
    """Lets the owner in. `session_seconds`: so long a browser stays signed in. `setup_code` is
    asked for at the first visit; None: it is not."""

    desk: Desk
    views: Views
    session_seconds: float
    setup_code: str | None = field(default=None, repr=False)
    _throttle: Throttle = field(factory=lambda: Throttle(WRONG_PASSWORDS), init=False)
    _checking: trio.Lock = field(factory=trio.Lock, init=False)
    _peers: PeerLog = field(factory=PeerLog, init=False)
    _seen_at: dict[tuple[str, int], float] = field(factory=dict, init=False)

    async def has_owner(self) -> bool:
        """Whether the password has been set. Raises StoreError; cancelled, nothing has happened."""
        return await self.views.read(admin_access.read_password) is not None

    async def set_up(self, applicant: Applicant, code: str, password: str) -> str:
        """The first visit: set the password, and let this browser in; its session's secret.

        Raises WrongPassword for a wrong code, RequestRefused (400) for a password that cannot be
        one, (409) where there is one already, (429); and StoreError. Cancelled, the password may
        have been set.
        """
        async with self._one_at_a_time(applicant):
            if self.setup_code is not None and not _is_same(code.strip(), self.setup_code):
                self._note_failure(applicant, "admin.wrong_setup_code")
                raise WrongPassword("Wrong setup code")
            fault = fault_of_password(password)
            if fault is not None:
                raise RequestRefused(400, "The password cannot be used", fault)
            kept = await trio.to_thread.run_sync(hash_password, password)
            first = partial(admin_access.set_first_password, kept=kept, now=read_clock())
            if not await self.desk.run(first):
                raise RequestRefused(409, "The password has been set already")
            log.info("admin.password_set", peer=applicant.address)
            return await self._let_in(applicant, kept)

    async def log_in(self, applicant: Applicant, password: str) -> str:
        """Let this browser in; its session's secret, which nobody can have chosen before.

        Raises WrongPassword, RequestRefused (429) and StoreError. Cancelled, a session may be left
        that nobody has the secret of.
        """
        async with self._one_at_a_time(applicant):
            kept = await self.views.read(admin_access.read_password)
            if kept is None or not await trio.to_thread.run_sync(is_password, password, kept):
                self._note_failure(applicant, "admin.wrong_password")
                raise WrongPassword
            return await self._let_in(applicant, kept)

    async def find_session(self, secret: str) -> Visitor | None:
        """The browser that is signed in with this secret. Raises StoreError; cancelled, nothing has
        happened."""
        running_time = self.views.running_time
        found = await self.views.read(
            lambda db: admin_access.find_session(db, secret, running_time)
        )
        if found is None:
            return None
        if self._is_new_look("session", found.id):
            note = partial(admin_access.note_session_seen, session_id=found.id)
            self.desk.write_nowait(partial(note, stamp=to_stamp(read_clock())))
        return Visitor(session=found)

    async def find_token(self, secret: str) -> Visitor | None:
        """The script whose token this is. Raises StoreError; cancelled, nothing has happened."""
        found = await self.views.read(lambda db: admin_access.find_token(db, secret))
        if found is None:
            return None
        if self._is_new_look("token", found.id):
            note = partial(admin_access.note_token_used, token_id=found.id)
            self.desk.write_nowait(partial(note, stamp=to_stamp(read_clock())))
        return Visitor(token=found)

    async def log_out(self, visitor: Visitor) -> None:
        """End this browser's session. Raises StoreError; cancelled, it may be over or not."""
        if visitor.session is not None:
            session_id = visitor.session.id
            await self.desk.run(lambda db: admin_access.end_session(db, session_id))

    def _one_at_a_time(self, applicant: Applicant) -> _Attempt:
        return _Attempt(self._checking, self._throttle, applicant)

    async def _let_in(self, applicant: Applicant, kept: str) -> str:
        secret = await self.desk.run(
            partial(
                admin_access.add_session,
                kept=kept,
                address=applicant.address,
                browser=harmless_line(applicant.browser, _LONGEST_BROWSER),
                running_time=self.views.running_time,
                lasts=self.session_seconds,
                now=read_clock(),
            )
        )
        if secret is None:  # the password was changed while this one was looked at
            raise WrongPassword
        log.info("admin.signed_in", peer=applicant.address)
        return secret

    def _note_failure(self, applicant: Applicant, event: str) -> None:
        self._throttle.note_failure(applicant.address, trio.current_time())
        self._peers.info(applicant.address, event)

    def _is_new_look(self, kind: str, record_id: int) -> bool:
        now = trio.current_time()
        seen_at = self._seen_at.get((kind, record_id))
        if seen_at is not None and now - seen_at < _SEEN_EVERY:
            return False
        if len(self._seen_at) >= _REMEMBERED:
            self._seen_at.clear()
        self._seen_at[kind, record_id] = now
        return True


@frozen
class _Attempt:
    """Whose turn it is to try a password: one at a time, and none beyond the brake.

    Looked at when its turn has come, so that a thousand tries at once are no more than others.
    """

    _checking: trio.Lock
    _throttle: Throttle
    _applicant: Applicant

    async def __aenter__(self) -> None:
        if self._checking.statistics().tasks_waiting >= _WAITING:
            raise _too_many(1.0)
        self._refuse_beyond()
        await self._checking.acquire()
        try:
            self._refuse_beyond()
        except BaseException:
            self._checking.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._checking.release()

    def _refuse_beyond(self) -> None:
        wait = self._throttle.remaining(self._applicant.address, trio.current_time())
        if wait > 0:
            raise _too_many(wait)


def make_setup_code() -> str:
    """A code for the first visit: 50 bits, easy to type; ten tries a minute are allowed."""
    letters = "23456789abcdefghjkmnpqrstuvwxyz"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(2))


def _too_many(wait: float) -> RequestRefused:
    return RequestRefused(
        429, "Too many wrong passwords", headers=[("Retry-After", str(math.ceil(wait)))]
    )


def _is_same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())
