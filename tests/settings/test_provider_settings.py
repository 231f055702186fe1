"""What a provider's settings may hold: what would fail at each question is refused at the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.protocol.completions import ChatMessage, CompletionRequest
from eyeclaw_trio.settings import Settings, load_settings

HEAD = '[providers.m]\nmodel = "x"\n'


def load(folder: Path, text: str) -> Settings:
    (folder / "eyeclaw.toml").write_text(HEAD + text, "utf-8")
    return load_settings({}, config=None, environ={}, cwd=folder)


@pytest.mark.parametrize(
    "host",
    [
        *("a" * 64, f"api.{'a' * 64}.example", "a..example", ".example", "例" * 60 + ".cn"),
        *(".".join(["a" * 60] * 5), "a b"),
    ],
)
def test_a_host_that_cannot_be_looked_up_is_refused_by_its_field(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, f'base_url = "https://{host}/v1"\n')
    assert (caught.value.key, caught.value.line) == ("providers.m.base_url", 3)
    assert "labels" in caught.value.problem


@pytest.mark.parametrize(
    "host", ["a" * 63, "例子.cn", "model_1", "api.example.", "[::1]:8000", "127.0.0.1:1"]
)
def test_a_host_that_can_be_looked_up_is_taken(tmp_path: Path, host: str) -> None:
    assert load(tmp_path, f'base_url = "http://{host}/v1"\n').providers["m"].base_url


@pytest.mark.parametrize(
    "extra",
    [
        *("18446744073709551616", "-9223372036854775809"),
        *("[" * 300 + "]" * 300, "{b = [1, 99999999999999999999]}"),
    ],
)
def test_an_extra_that_no_request_can_carry_is_refused_by_its_field(
    tmp_path: Path, extra: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, f'base_url = "http://h/v1"\nextra = {{a = {extra}}}\n')
    assert (caught.value.key, caught.value.line) == ("providers.m.extra", 4)


@pytest.mark.parametrize("extra", ["18446744073709551615", "-9223372036854775808", "[[[[1]]]]"])
def test_an_extra_that_is_taken_can_be_sent(tmp_path: Path, extra: str) -> None:
    settings = load(tmp_path, f'base_url = "http://h/v1"\nextra = {{a = {extra}}}\n')
    question = (ChatMessage("user", "你好"),)
    request = CompletionRequest("x", question, extra=settings.providers["m"].extra)
    assert f'"a":{extra}'.encode() in request.encode()
