"""Every exception that this package raises on purpose, as one tree.

    EyeclawError
    ├── ConfigurationError     a setting that cannot be obeyed; names file, line and key
    ├── BadMessage             what a peer sent cannot be read; names every path that is wrong
    ├── RequestRefused         an HTTP request that gets a plain status instead of a stream
    │   ├── ProviderRefused        a chat client named a provider that it cannot ask
    │   └── TryLater               not now: the same again may work in a moment
    │                                                                     outcome      code
    ├── TurnFailed             a turn that ends with a text for the wearer
    │   ├── BotOffline             no link, or not back in time           offline      offline
    │   ├── BotSilent              nothing heard for the idle time-out    timeout      timeout
    │   ├── BotBusy                queue full, or waited too long in it   rejected     bot_busy
    │   ├── BotFailed              it or its model failed, or said none   bot_error    its reason
    │   ├── PhotoRefused           the photo of the question              rejected     its fault
    │   ├── WearerRefused          who asks may not use any bot           rejected     not_allowed
    │   ├── NotBound               he belongs to no bot yet               rejected     not_bound
    │   ├── BindingRefused         he cannot be bound by this photo       rejected     its fault
    │   ├── KeyRevoked             its key, or the bot, is gone           rejected     key_revoked
    │   ├── KeyOutdated            it was good once                   rejected     key_outdated
    │   ├── AnswerTooLong          longer than an answer may be           rejected     too_long
    │   └── GatewayStopping        the drain's end                        interrupted  stopping
    ├── ReaderGone             nobody is left to write to                 cancelled
    │   ├── HungUp                 the reader's connection has ended      cancelled
    │   └── SlowReader             it is there, but does not read         slow_reader
    ├── ProviderFailed         a model did not answer as it should
    ├── PushFailed             the platform did not take what was to be said to a wearer
    ├── LinkFailed             a connector has no link to its gateway
    │   ├── LinkBroken             it did not come about, or has ended: it may come back
    │   └── LinkRefused            the gateway does not want it: coming back would not help
    └── StoreError             the data folder cannot be used or has no such record
        ├── FolderInUse            another gateway runs on it
        ├── StoreBusy              another process holds the database: the same again may work
        └── NoSuchRecord           an id that is not there

Every layer imports `errors`, which imports none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path


class EyeclawError(Exception):
    """The root: catch it to catch all that this package raises on purpose."""


class ConfigurationError(EyeclawError):
    """A setting that cannot be obeyed (CLI, "Settings"; RELIABILITY 32).

    `key` is the dotted name; `source` says where the value came from: a file with `line` (from 1),
    a variable or a flag; `may_pass`: it is about a file that may still come. No value is ever in
    the message, because it may be a secret.
    """

    def __init__(
        self,
        problem: str,
        *,
        key: str | None = None,
        source: Path | str | None = None,
        line: int | None = None,
        may_pass: bool = False,
    ) -> None:
        self.problem, self.key, self.may_pass = problem, key, may_pass
        self.source, self.line = source, line
        where = f"{source}:{line}" if line is not None else str(source or "")
        name = None if where == f"--{str(key).replace('_', '-')}" else key  # said already
        super().__init__(": ".join(part for part in (where, name, problem) if part))


class BadMessage(EyeclawError):
    """What a peer sent cannot be read.

    `faults` maps the path of each wrong field (`message[0].role`; empty for the whole message) to
    what was expected there. Neither ever holds the value that was sent.
    """

    def __init__(self, faults: Mapping[str, str]) -> None:
        self.faults = dict(faults)
        super().__init__("; ".join(f"{path or 'message'}: {why}" for path, why in faults.items()))


class RequestRefused(EyeclawError):
    """An HTTP request that is answered with a plain status (PROTOCOL 1, last paragraph)."""

    def __init__(
        self,
        status: int,
        error: str,
        detail: object = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.status, self.error, self.detail = status, error, detail
        self.headers = tuple(headers)
        super().__init__(f"{status} {error}")


class ProviderRefused(RequestRefused):
    """A chat client named a provider that it cannot ask. `known` are those that it can; none for
    a key that opens one bot only."""

    def __init__(self, known: Sequence[str] = ()) -> None:
        self.known = tuple(known)
        if known:
            super().__init__(404, "There is no provider of this name")
        else:
            super().__init__(403, "This key is for one bot, and not for this provider")


class TryLater(RequestRefused):
    """A request that is refused with 503 for now; `seconds` are the pause that is asked for.

    Five are what a restart takes, or a short answer.
    """

    def __init__(self, error: str, *, seconds: int = 5) -> None:
        super().__init__(503, error, headers=[("Retry-After", str(seconds))])


class Reason(Enum):
    """Why a bot or its model failed, in our own short list (PROTOCOL 1, table of failures).

    The value is the word on our connector's wire, in logs and traces; the wearer hears the
    catalogue's text for it (`core/texts`).
    """

    UNKNOWN = "unknown"
    EMPTY_ANSWER = "empty_answer"
    CUT_ANSWER = "cut_answer"
    MODEL_UNREACHABLE = "model_unreachable"
    MODEL_TLS = "model_tls"
    MODEL_TIMEOUT = "model_timeout"
    MODEL_KEY_REFUSED = "model_key_refused"
    MODEL_NO_CREDIT = "model_no_credit"
    MODEL_NOT_FOUND = "model_not_found"
    MODEL_REQUEST_REFUSED = "model_request_refused"
    MODEL_BUSY = "model_busy"
    MODEL_ERROR = "model_error"


class TurnFailed(EyeclawError):
    """A turn that ends with a text for the wearer instead of (the rest of) an answer.

    `outcome` is the trace's word for how the turn ended (`core.trace.Outcome`), `code` ours for
    what it was, as chat clients and traces have it.
    """

    outcome = "interrupted"
    code = "unknown"


class BotOffline(TurnFailed):
    """No link of the bot lives, or it did not come back within `resume_grace`.

    `code` is our word for what keeps it away, where that is known.
    """

    outcome = code = "offline"

    def __init__(self, why: str = "", *, code: str = "") -> None:
        self.code = code or self.code
        super().__init__(why or self.code)


class BotSilent(TurnFailed):
    """No stream message of this turn for `idle_timeout`."""

    outcome = code = "timeout"


class BotBusy(TurnFailed):
    """The bot's queue is full, or the question waited in it for `queue_timeout`.

    `held_by` is the trace of the turn that had the bot's place, where that is known.
    """

    outcome, code = "rejected", "bot_busy"

    def __init__(self, held_by: str = "") -> None:
        self.held_by = held_by
        super().__init__(self.code)


class BotFailed(TurnFailed):
    """The bot or its model failed, or answered without any text.

    `said` is what it said itself: for the trace and the log, never for the wearer.
    `reported` is true when the bot said so with a `stream_error`. `code` is the reason's word.
    """

    outcome = "bot_error"

    def __init__(
        self, reason: Reason = Reason.UNKNOWN, said: str = "", *, reported: bool = False
    ) -> None:
        self.reason = reason
        self.code = reason.value
        self.said = said
        self.reported = reported
        super().__init__(reason.value)


class PhotoFault(Enum):
    """Why a photo is refused. The value is the word in logs and traces; the wearer hears the
    catalogue's sentence for it (`core/texts`)."""

    ADDRESS = "photo_address"
    UNREACHABLE = "photo_unreachable"
    SLOW = "photo_slow"
    LARGE = "photo_large"
    NO_IMAGE = "photo_no_image"
    BUSY = "photo_busy"


class PhotoRefused(TurnFailed):
    """The photo of a question is not taken in. `why` is one line for the owner's log, without the
    address, which may open the photo to whoever reads it."""

    outcome = "rejected"

    def __init__(self, fault: PhotoFault, why: str) -> None:
        self.fault = fault
        self.code = fault.value
        self.why = why
        super().__init__(f"{fault.value}: {why}")


class WearerRefused(TurnFailed):
    """This wearer may not use any bot here: `allowed_users`, or what the owner has said of him."""

    outcome, code = "rejected", "not_allowed"


class NotBound(TurnFailed):
    """Wearers have to be bound to a bot first, and this one is not."""

    outcome, code = "rejected", "not_bound"


class BindingFault(Enum):
    """Why a wearer is not bound; as `PhotoFault`."""

    NO_WEARER = "no_user_id"
    NO_CODE = "code_missing"
    UNKNOWN = "code_unknown"
    USED = "code_used"
    EXPIRED = "code_expired"
    TAKEN = "bot_taken"


class BindingRefused(TurnFailed):
    """The photo binds its wearer to no bot."""

    outcome = "rejected"

    def __init__(self, fault: BindingFault) -> None:
        self.fault = fault
        self.code = fault.value
        super().__init__(fault.value)


class KeyRevoked(TurnFailed):
    """The access key of this turn was revoked, or its bot removed, while it ran."""

    outcome, code = "rejected", "key_revoked"


class KeyOutdated(TurnFailed):
    """A question with a key that was good once; told in a sentence where that is wanted."""

    outcome, code = "rejected", "key_outdated"


class AnswerTooLong(TurnFailed):
    """The answer is longer than any may be, or than the log that keeps it for its readers."""

    outcome, code = "rejected", "too_long"


class GatewayStopping(TurnFailed):
    """The gateway was told to stop, and `drain_timeout` is over."""

    outcome, code = "interrupted", "stopping"


class ReaderGone(EyeclawError):
    """Nobody is left to write the answer to. `outcome` is the trace's word for it."""

    outcome = "cancelled"


class HungUp(ReaderGone):
    """The glasses' connection has ended."""


class SlowReader(ReaderGone):
    """The reader took nothing for `write_timeout`, or `answer_buffer` bytes wait for it."""

    outcome = "slow_reader"


class ProviderFailed(EyeclawError):
    """A model did not answer as it should.

    `reason` is for the wearer; `detail` is one line for the owner's log, with no secret in it;
    `retry_after` is the model's own wish in seconds, where it said one.
    """

    def __init__(self, reason: Reason, detail: str, *, retry_after: float | None = None) -> None:
        self.reason, self.detail, self.retry_after = reason, detail, retry_after
        super().__init__(f"{reason.value}: {detail}")


class PushFailed(EyeclawError):
    """The platform did not take what was to be said to a wearer. `code` is our word for why,
    `detail` a line with nothing in it that was sent; `is_final`: another attempt would not help."""

    def __init__(self, code: str, detail: str, *, is_final: bool = False) -> None:
        self.code, self.detail, self.is_final = code, detail, is_final
        super().__init__(f"{code}: {detail}")


class LinkFailed(EyeclawError):
    """A connector has no link to its gateway; the message says why."""


class LinkBroken(LinkFailed):
    """The link did not come about, or has ended; it is tried again."""


class LinkRefused(LinkFailed):
    """The gateway does not want this link, and trying again would not help.

    `reason` is the gateway's word for it (PROTOCOL 2, `disconnect`); the message is one sentence
    for the bot's owner, with how to mend it.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        self.reason = reason
        super().__init__(sentence)


class StoreError(EyeclawError):
    """The data folder cannot be used; the message says what is wrong and how to mend it."""


class FolderInUse(StoreError):
    """Another gateway runs on this data folder."""


class StoreBusy(StoreError):
    """Another process holds the database, or too much waits for it; the same again may work."""


class NoSuchRecord(StoreError):
    """There is no key or bot with this id."""
