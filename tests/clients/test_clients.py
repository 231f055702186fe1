"""Programs that somebody else wrote, unmodified, against a real gateway: the `openai` packages of
PyPI and npm, and `llm` (PROTOCOL 6). `make test-clients` installs them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import trio
from attrs import frozen
from house import House
from model_scripts import WHOLE_TEXT
from processes import eventually
from running_gateway import Gateway, Model
from running_sdk import Sdk

HERE: Final = Path(__file__).parent
INSTALLED: Final = HERE.parents[1] / ".cache" / "clients"
PYTHON: Final = INSTALLED / "venv" / "bin" / "python"
LLM: Final = INSTALLED / "venv" / "bin" / "llm"
WITHIN: Final = 60.0  # seconds for one program
TWENTY: Final = WHOLE_TEXT + "".join(f" {number}" for number in range(5, 20))

SETTINGS: Final = """
[limits]
queued_turns = 200

[providers.scripted]
base_url = "{model}"
model = "m"

[[bots]]
name = "home"
provider = "scripted"
default = true
"""

pytestmark = pytest.mark.skipif(
    not (INSTALLED / "installed").exists(), reason="`make test-clients` installs the clients"
)


@frozen
class Street:
    """A gateway with a scripted model behind its bot `home`, and a bot `away` that never links."""

    house: House
    gateway: Gateway
    model: Model
    away: dict[str, Any]

    @property
    def base_url(self) -> str:
        return f"{self.gateway.url}/v1"

    async def play(self, scenario: str, *arguments: str, key: str = "") -> Any:
        """What OpenAI's package of PyPI makes of this scenario."""
        asked = [scenario, self.base_url, key or self.gateway.key, *arguments]
        return json.loads(await run(str(PYTHON), str(HERE / "ask_openai.py"), *asked))

    async def traces(self, count: int) -> list[dict[str, Any]]:
        """So many traces, once all of them are over."""
        found: list[dict[str, Any]] = []

        async def are_over() -> bool:
            found[:] = (await self.house.command("trace", "list", "--json")).result
            return len(found) >= count and all(each["outcome"] for each in found)

        await eventually(are_over, seconds=20, every=0.2)
        return found


async def run(*command: str, **environ: str) -> str:
    """The output of a program that has to work."""
    with trio.fail_after(WITHIN):
        done = await trio.run_process(
            command,
            env={"PATH": os.environ["PATH"], **environ},
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode()
    return bytes(done.stdout).decode()


@asynccontextmanager
async def open_street(folder: Path, script: str = "pieces") -> AsyncIterator[Street]:
    house = House(folder)
    async with house.model(script) as model:
        house.configure(SETTINGS.format(model=model.base_url))
        async with house.serve() as gateway:
            yield Street(house, gateway, model, house.add_bot("away"))


async def test_the_synchronous_client_gets_whole_and_streamed_answers(tmp_path: Path) -> None:
    async with open_street(tmp_path, "usage") as street:
        said = await street.play("sync")
        traces = await street.traces(3)
    assert said.pop("request_id") in {trace["trace_id"] for trace in traces}
    assert said == {
        "whole": WHOLE_TEXT,
        "finish": "length",
        "usage": 12,
        "streamed": WHOLE_TEXT,
        "pieces": 7,
        "role": "assistant",
        "last": "length",
        "counted": WHOLE_TEXT,
        "stream_usage": 12,
        "models": ["eyeclaw", "echo", "scripted", "home", "away"],
        "model": "home",
    }
    assert {trace["source"] for trace in traces} == {"openai"}
    assert {trace["outcome"] for trace in traces} == {"answered"}


async def test_what_fails_is_raised_as_the_packages_own_exceptions(tmp_path: Path) -> None:
    async with open_street(tmp_path) as street:
        limited = (await street.house.result("key", "create", "k", "--bot", "away"))["key"]
        await trio.sleep(1.0)  # a running gateway obeys within a second
        raised = await street.play("errors", limited)
    assert raised == {
        "key": ["AuthenticationError", 401, "invalid_api_key"],
        "model": ["NotFoundError", 404, "model_not_found"],
        "body": ["BadRequestError", 400, None],
        "other bot": ["PermissionDeniedError", 403, "forbidden"],
        "offline": ["InternalServerError", 503, "offline"],
        "model fell over": ["InternalServerError", 502, "model_error"],
        "in the middle": ["APIError", None, "model_error"],
        "path": ["NotFoundError", 404, None],
        "type": ["APIStatusError", 415, None],
        "compressed": ["APIStatusError", 415, None],
        "large": ["APIStatusError", 413, None],
        "head": ["APIStatusError", 431, None],
        "method": ["APIStatusError", 405, None],
        "many keys": ["RateLimitError", 429, "rate_limit_exceeded"],
    }


async def test_leaving_a_stream_ends_it_in_the_model_too(tmp_path: Path) -> None:
    async with open_street(tmp_path) as street:
        assert await street.play("cancel") == {"read": 3}
        await street.model.wait_for("aborted", 1)
        [trace] = await street.traces(1)
    assert trace["outcome"] == "cancelled"


async def test_the_package_asks_again_where_that_may_help_and_nowhere_else(tmp_path: Path) -> None:
    async with open_street(tmp_path) as street:
        assert await street.play("retries") == {"raised": [503, 502]}
        traces = await street.traces(4)
    outcomes = [trace["outcome"] for trace in traces]
    assert (outcomes.count("offline"), outcomes.count("bot_error")) == (3, 1)


async def test_an_image_of_the_package_reaches_the_model_as_a_photo(tmp_path: Path) -> None:
    async with open_street(tmp_path) as street:
        assert await street.play("image") == {"whole": WHOLE_TEXT}
        [body] = (await street.model.seen())["completions"]
    [words, picture] = body["messages"][-1]["content"]
    assert words == {"type": "text", "text": "what?"}
    assert picture["image_url"]["url"].startswith("data:image/jpeg;base64,")


async def test_two_hundred_answers_side_by_side_are_complete(tmp_path: Path) -> None:
    async with open_street(tmp_path) as street:
        assert await street.play("many", "200") == {"answers": 200, "texts": [TWENTY]}
        traces = await street.traces(50)  # a page of the list
    assert {trace["outcome"] for trace in traces} == {"answered"}


async def test_a_linked_bot_answers_the_package_as_an_embedded_one(tmp_path: Path) -> None:
    async with open_street(tmp_path) as street:
        await trio.sleep(1.0)  # a running gateway obeys within a second
        async with street.gateway.sdk(street.away) as sdk, trio.open_nursery() as nursery:
            await sdk.link()
            nursery.start_soon(_answer_all, sdk)
            client = str(HERE / "ask_openai.py")
            asked = ["linked", street.base_url, street.gateway.key]
            said = json.loads(await run(str(PYTHON), client, *asked))
            nursery.cancel_scope.cancel()
        traces = await street.traces(2)
    assert said == {"whole": "湖光秋月", "streamed": "湖光秋月", "pieces": 4}
    assert [trace["outcome"] for trace in traces] == ["answered"] * 2


async def _answer_all(sdk: Sdk) -> None:
    while True:
        turn = await sdk.receive_turn()
        await sdk.chunk(turn, 0, "湖光")
        await sdk.chunk(turn, 1, "秋月")
        await sdk.end(turn, "湖光秋月", 2)


async def test_the_package_of_npm_is_answered(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node")
    async with open_street(tmp_path, "usage") as street:
        modules = str(INSTALLED / "package.json")
        asked = [modules, street.base_url, street.gateway.key]
        said = json.loads(await run(node, str(HERE / "ask_openai.mjs"), *asked))
        await street.model.wait_for("aborted", 1)
    assert said.pop("request_id").startswith("trace_")
    assert said == {
        "whole": WHOLE_TEXT,
        "usage": 12,
        "streamed": WHOLE_TEXT,
        "read": 3,
        "many": [WHOLE_TEXT],
        "models": ["eyeclaw", "echo", "scripted", "home", "away"],
        "errors": {
            "model": ["NotFoundError", 404, "model_not_found"],
            "body": ["BadRequestError", 400, None],
            "away": ["InternalServerError", 503, "offline"],
        },
    }


async def test_llm_asks_and_goes_on_with_its_own_history(tmp_path: Path) -> None:
    async with open_street(tmp_path) as street:
        folder = tmp_path / "llm"
        folder.mkdir()
        (folder / "extra-openai-models.yaml").write_text(
            "- model_id: glasses\n  model_name: home\n"
            f'  api_base: "{street.base_url}"\n  api_key_name: eyeclaw\n'
        )
        environ = {"LLM_USER_PATH": str(folder), "HOME": str(tmp_path)}
        await run(str(LLM), "keys", "set", "eyeclaw", "--value", street.gateway.key, **environ)
        first = await run(str(LLM), "-m", "glasses", "-s", "Be kind.", "one", **environ)
        second = await run(str(LLM), "-c", "two", **environ)
        bodies = (await street.model.seen())["completions"]
    assert [first.strip(), second.strip()] == [WHOLE_TEXT] * 2
    assert [each["content"] for each in bodies[0]["messages"]] == ["Be kind.", "one"]
    assert [each["content"] for each in bodies[1]["messages"]][-3:] == ["one", WHOLE_TEXT, "two"]
