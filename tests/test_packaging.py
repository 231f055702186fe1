"""What is built out of the checkout knows what the checkout knows."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import click
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from eyeclaw_trio.cli.failures import WRONG_SETTINGS
from eyeclaw_trio.settings import load_settings

ROOT = Path(__file__).parents[1]
PACKAGING = ROOT / "packaging"
LOCKED = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)
SCRIPTS = [
    *("build-binary", "build-deb", "try-deb", "try-wheel", "eyeclawctl"),
    *("debian/postinst", "debian/prerm", "debian/postrm", "debian/in-chroot"),
]


def test_every_dependency_is_locked_with_a_version_that_will_do() -> None:
    text = (PACKAGING / "requirements.txt").read_text("utf-8")
    locked = {canonicalize_name(name): version for name, version in LOCKED.findall(text)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for line in project["dependencies"]:
        wanted = Requirement(line)
        version = locked.get(canonicalize_name(wanted.name), "0")
        assert wanted.specifier.contains(version), f"{line}: `make lock` writes it anew"


def test_everything_locked_has_its_hashes() -> None:
    text = (PACKAGING / "requirements.txt").read_text("utf-8")
    assert len(LOCKED.findall(text)) > 30
    for entry in re.split(r"\n(?=[\w.-]+==)", text)[1:]:
        assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert "://" not in text  # nor where it came from


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_can_be_read_by_their_shell(script: str) -> None:
    file = PACKAGING / script
    shell = "sh" if file.read_text("utf-8").startswith("#!/bin/sh") else "bash"
    subprocess.run([shell, "-n", file], check=True)
    assert os.access(file, os.X_OK) or script == "debian/in-chroot"


def test_the_settings_of_the_package_are_without_fault(tmp_path: Path) -> None:
    settings = load_settings({}, config=PACKAGING / "eyeclaw.toml", environ={}, cwd=tmp_path)
    assert (str(settings.listen), str(settings.admin_listen)) == (
        "127.0.0.1:8001",
        "127.0.0.1:8002",
    )
    assert not settings.warnings


def test_the_unit_waits_as_long_as_answers_may_take_to_finish(tmp_path: Path) -> None:
    unit = (PACKAGING / "eyeclaw.service").read_text("utf-8")
    settings = load_settings({}, config=None, environ={}, cwd=tmp_path)
    [stop] = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    [files] = re.findall(r"^LimitNOFILE=(\d+)$", unit, re.MULTILINE)
    assert int(stop) > settings.patience.drain_timeout + 5
    assert int(files) > settings.limits.connections
    [final] = re.findall(r"^RestartPreventExitStatus=(.+)$", unit, re.MULTILINE)
    assert final.split() == [str(click.UsageError.exit_code), str(WRONG_SETTINGS)]
    for line in ("Type=notify", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes"):
        assert f"\n{line}\n" in unit


def test_the_token_of_openclaw_goes_to_the_address_that_the_compose_file_names(
    tmp_path: Path,
) -> None:
    """No ready-made key follows its provider to another address: the file has to say so."""
    text = (PACKAGING / "compose.yaml").read_text("utf-8")
    environ = dict(re.findall(r"^ +(EYECLAW_\w+): (\S+)$", text, re.MULTILINE))
    environ["OPENCLAW_GATEWAY_TOKEN"] = "of-the-host"
    settings = load_settings({"data": tmp_path}, config=None, environ=environ, cwd=tmp_path)
    openclaw = settings.providers["openclaw"]
    assert openclaw.base_url.startswith("http://host.docker.internal:")
    assert openclaw.api_key == "of-the-host"
