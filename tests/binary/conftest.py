"""The built binary: `make test-binary` builds it and runs these."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def one_file() -> Path:
    """The program as one file."""
    program = ROOT / "dist" / "eyeclaw"
    if not program.exists():
        pytest.skip("there is no dist/eyeclaw: `make binary` builds it")
    return program


@pytest.fixture(scope="session")
def folder(one_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a folder, unpacked; the program in it is `eyeclaw`."""
    [packed] = one_file.parent.glob("eyeclaw-*.tar.gz")
    there = tmp_path_factory.mktemp("folder")
    subprocess.run(["tar", "-xzf", packed, "-C", there], check=True)
    [unpacked] = there.iterdir()
    assert (unpacked / "eyeclaw").is_file()
    return unpacked
