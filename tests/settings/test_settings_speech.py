"""How a bot speaks, and what it may ask of the glasses, as the settings say."""

from __future__ import annotations

from pathlib import Path

import pytest
from settings_reader import load, only_fault

from eyeclaw_trio.app.manners import make_manners
from eyeclaw_trio.core.actions import COMMANDS
from eyeclaw_trio.core.directory import Bot

MODELS = """
[providers.model]
base_url = "http://127.0.0.1:9/v1"
model = "any"
[providers.claw]
base_url = "http://127.0.0.1:9/v1"
model = "openclaw/main"
"""


def bot(name: str, provider: str | None) -> Bot:
    return Bot(1, name, provider, "config", False, True, None, None, "")


def test_models_speak_clean_and_others_as_they_do_unless_it_is_said(folder: Path) -> None:
    text = MODELS + '[[bots]]\nname = "raw"\nprovider = "model"\nspeech = "as_is"\n'
    text += '[[bots]]\nname = "link"\nspeech = "clean"\n'
    manners = make_manners(load(folder, text))
    for name, provider, is_clean in (
        ("a", "model", True),
        ("a", "claw", True),
        ("a", "echo", False),
        ("a", None, False),
        ("raw", "model", False),
        ("link", None, True),
    ):
        manner = manners.of(bot(name, provider)).for_source("rokid")
        assert manner.speech.is_clean is is_clean, (name, provider)


def test_all_actions_are_on_unless_it_is_said_and_a_bot_has_a_say_of_its_own(folder: Path) -> None:
    assert load(folder, "").wearer.actions == tuple(COMMANDS)
    text = "[wearer]\nactions = ['take_photo']\nfollow_ups = 0\nlongest = 200\n"
    text += "[[bots]]\nname = 'a'\n[bots.wearer]\nactions = []\nemoji = false\n"
    manners = make_manners(load(folder, text))
    usual = manners.of(bot("b", None)).for_source("rokid")
    assert (usual.actions, usual.follow_ups, usual.speech.longest) == (("take_photo",), 0, 200)
    own = manners.of(bot("a", None)).for_source("rokid")
    assert (own.actions, own.follow_ups, own.speech.longest) == ((), 0, 200)
    assert not own.speech.emoji


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[wearer]\nactions = ['take_video']", "wearer.actions"),
        ("[wearer]\nactions = 'take_photo'", "wearer.actions"),
        ("[wearer]\nfollow_ups = -1", "wearer.follow_ups"),
        ("[wearer]\nfollow_ups = 1.5", "wearer.follow_ups"),
        ("[wearer]\nfollow_ups = true", "wearer.follow_ups"),
        ("[wearer]\nlongest = 'short'", "wearer.longest"),
        ("[wearer]\nemoji = 1", "wearer.emoji"),
        ("[[bots]]\nname = 'a'\nspeech = 'loud'", "bots[0].speech"),
        ("[[bots]]\nname = 'a'\n[bots.wearer]\nactions = [1]", "bots[0].wearer.actions"),
    ],
)
def test_what_is_none_of_these_is_refused_at_its_place(folder: Path, text: str, key: str) -> None:
    assert only_fault(folder, text).key == key


def test_openclaw_brings_tools_of_its_own_and_others_take_ours(folder: Path) -> None:
    text = MODELS.replace('model = "any"', 'model = "any"\ntools = false')
    providers = load(folder, MODELS).providers
    assert providers["model"].has_tools
    assert not providers["claw"].has_tools
    assert not load(folder, text).providers["model"].has_tools
