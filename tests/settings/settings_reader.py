"""Settings of a text, as tests of them read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from eyeclaw_trio.errors import ConfigurationError
from eyeclaw_trio.settings import Settings, SettingsCheck, check_settings, load_settings

SECRET = "sk-do-not-show-4711"
OPENCLAW = """
[providers.openclaw]
base_url = "http://127.0.0.1:18789/v1"
model = "openclaw/main"
"""


def load(
    folder: Path,
    text: str | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
    config: Path | None = None,
) -> Settings:
    if text is not None:
        (folder / "eyeclaw.toml").write_text(text, encoding="utf-8")
    return load_settings(flags or {}, config=config, environ=environ or {}, cwd=folder)


def check(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> SettingsCheck:
    (folder / "eyeclaw.toml").write_text(text, encoding="utf-8")
    return check_settings({}, config=None, environ=environ or {}, cwd=folder)


def only_fault(
    folder: Path, text: str, environ: Mapping[str, str] | None = None
) -> ConfigurationError:
    (fault,) = check(folder, text, environ).faults
    return fault
