"""The commands about models: providers, providers check."""

from __future__ import annotations

import logging
from contextlib import closing
from functools import partial
from typing import Any, Final

import click
import trio

from eyeclaw_trio.app.provider_check import QUESTION, Checked, check_provider
from eyeclaw_trio.app.provider_list import describe_provider
from eyeclaw_trio.cli.choices import Choices, common_options, pass_choices
from eyeclaw_trio.cli.showing import show_json, show_pairs, show_table
from eyeclaw_trio.core.provider_timing import SEGMENTS, Target
from eyeclaw_trio.errors import EyeclawError, ProviderFailed, Reason
from eyeclaw_trio.logs import configure_logging
from eyeclaw_trio.protocol.harmless import harmless
from eyeclaw_trio.providers.catalogue import KINDS
from eyeclaw_trio.providers.ready_made import READY_MADE
from eyeclaw_trio.providers.settings import ProviderSettings
from eyeclaw_trio.settings import Settings
from eyeclaw_trio.settings.provider_reading import explain_unknown
from eyeclaw_trio.store.database import open_database
from eyeclaw_trio.store.provider_answers import list_provider_answers

_COLUMNS: Final = (
    "provider",
    "model",
    "key",
    "answers",
    "failed",
    "first_token",
    "whole_answer",
    "on_target",
)
_WHOLE: Final = ("provider", "key", "answers", "failed", "first_token", "whole_answer", "on_target")
_STEPS: Final = {
    "connect": "connected",
    "tls": "TLS agreed",
    "request_sent": "question sent",
    "headers": "answer begins (headers)",
    "first_token": "first token",
    "last_token": "last token",
}
_FAILURES: Final = {
    Reason.MODEL_KEY_REFUSED: "the key was refused; check it",
    Reason.MODEL_NO_CREDIT: "the account is empty; top it up",
    Reason.MODEL_NOT_FOUND: "no such model or address; check model and base_url",
    Reason.MODEL_REQUEST_REFUSED: "the request was refused; check model, extra and the like",
    Reason.MODEL_BUSY: "too many requests; try again later",
    Reason.MODEL_ERROR: "the model failed; try again later",
    Reason.MODEL_TIMEOUT: "it took too long",
    Reason.MODEL_UNREACHABLE: "it cannot be reached",
    Reason.MODEL_TLS: "no secure connection to it",
    Reason.EMPTY_ANSWER: "it answered without a word",
    Reason.CUT_ANSWER: "the answer broke off",
}


@click.group(invoke_without_command=True)
@common_options
@click.pass_context
def providers(ctx: click.Context) -> None:
    """The models that can be asked, and how fast they were.

    Works with and without a running gateway; the times are those of gateways on this data folder.
    """
    if ctx.invoked_subcommand is None:
        _list_providers(ctx.ensure_object(Choices))


def _list_providers(choices: Choices) -> None:
    settings = choices.load()
    with closing(open_database(settings.data)) as db:
        kept = list_provider_answers(db)
    records = [
        describe_provider(settings, each, [one for one in kept if one.answer.provider == each.name])
        for each in settings.providers.values()
    ]
    if choices.json:
        show_json(records)
        return
    show_table([_row(record) for record in records], _COLUMNS, whole=_WHOLE)
    click.echo(
        "Times in ms: p50/p95. `eyeclaw providers check NAME` measures, and names the target.",
        err=True,
    )
    _say_what_is_not_there(settings)


def _say_what_is_not_there(settings: Settings) -> None:
    missing = []
    for name, ready in READY_MADE.items():
        if name in settings.providers:
            continue
        if settings.unusable_keys.keys().isdisjoint(ready.key_variables):
            missing.append(f"{name} ({ready.key_variables[0]})")
        else:
            why = explain_unknown(name, settings.providers, settings.unusable_keys)
            click.echo(f"Not there is {name}: {why}.", err=True)
    if missing:
        click.echo(f"There as soon as their key is set: {', '.join(missing)}.", err=True)


@providers.command()
@click.argument("name")
@click.option(
    "--question", metavar="TEXT", default=QUESTION, show_default=True, help="What is asked."
)
@click.option("--warm", is_flag=True, help="Warm it up before, as a running gateway does.")
@common_options
@pass_choices
def check(choices: Choices, name: str, question: str, warm: bool) -> None:
    """Ask a provider one real question, and show what took how long.

    It is asked directly, without a gateway and without its fallback.
    """
    if not question.strip():
        raise click.UsageError("There is nothing to ask: give a --question.")
    settings = choices.load().require_provider(name)
    configure_logging(level=logging.WARNING)
    checked = trio.run(partial(check_provider, settings, question, warm=warm))
    if choices.json:
        show_json(_check_record(settings, checked))
    else:
        _show_check(settings, checked)
    if checked.failure is not None:
        raise EyeclawError(_explain(settings, checked.failure))


def _row(record: dict[str, Any]) -> dict[str, object]:
    answered = record["asked"]["answered"]
    is_model = KINDS[record["kind"]].is_model
    return {
        "provider": record["name"],
        "model": record["model"],
        "key": record["key"],
        "answers": answered if is_model else None,
        "failed": record["asked"]["failed"] if is_model else None,
        "first_token": _in_short(record["first_token_ms"]),
        "whole_answer": _in_short(record["last_token_ms"]),
        "on_target": f"{record['targets_met']}/{answered}" if answered else None,
    }


def _in_short(spread: dict[str, float] | None) -> str | None:
    if spread is None:
        return None
    return "/".join(f"{spread[part]:.0f}" for part in ("p50", "p95"))


def _check_record(settings: ProviderSettings, checked: Checked) -> dict[str, Any]:
    failure = checked.failure
    target = settings.targets.of(checked.answer)
    return {
        "provider": settings.name,
        "model": settings.model or None,
        "text": checked.text,
        **checked.answer.describe(),
        "target_ms": {"first_token": target.first_token * 1000, "total": target.total * 1000},
        "targets": None if failure is not None else _met(checked),
        "reason": None if failure is None else failure.reason.value,
        "detail": None if failure is None else failure.detail,
        "retry_after": None if failure is None else failure.retry_after,
    }


def _met(checked: Checked) -> str:
    return "met" if checked.is_met else "missed"


def _show_check(settings: ProviderSettings, checked: Checked) -> None:
    answer = checked.answer
    times = answer.segments.in_ms()
    connection = "cold" if answer.is_cold else "warm"
    show_pairs(
        [
            ("provider", settings.name),
            ("model", settings.model or settings.kind),
            ("connection", f"{connection}, {answer.http_version}".removesuffix(", ")),
        ]
    )
    click.echo()
    lines = [("0 ms", "asked")]
    lines += [
        (f"{at:.0f} ms", _STEPS[name]) for name in SEGMENTS if (at := times[name]) is not None
    ]
    show_pairs(lines, right=True)
    if checked.text:
        click.echo(f"\n{harmless(checked.text).strip()}\n")
    if checked.failure is None:
        show_pairs([("targets", f"{_met(checked)} ({_name(settings.targets.of(answer))})")])


def _name(target: Target) -> str:
    return f"first token under {target.first_token:g} s, whole answer under {target.total:g} s"


def _explain(settings: ProviderSettings, failure: ProviderFailed) -> str:
    what = _FAILURES.get(failure.reason, "it failed")
    if failure.reason is Reason.MODEL_BUSY and failure.retry_after is not None:
        what = f"too many requests; try again in {failure.retry_after:.0f} s"
    return f"{settings.name}: {what} ({failure.detail})"
