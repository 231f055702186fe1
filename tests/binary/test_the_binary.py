"""The program without a Python: what is in it, where it runs, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eyeclaw_trio import __version__

ROOT = Path(__file__).parents[2]
# What the pages say that a system must have: the C library, and zlib, by which one unpacks.
GLIBC = ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1")
ZLIB = "libz.so.1"
ISOLATED = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
CHECKS = ["version", "trust", "pictures", "ask", "chat", "connect", "pages", "gateway", "tls"]


def bare_system(root: Path) -> Path:
    """A system with two libraries and no program at all, not even a shell."""
    for name in ("lib", "lib64", "tmp", "proc", "dev", "home"):
        (root / name).mkdir(parents=True)
    said = subprocess.run(["ldd", "/bin/true"], capture_output=True, text=True, check=True).stdout
    loader = Path(re.findall(r"(/\S*ld-linux\S*)", said)[0])
    libc = Path(re.findall(r"=> (/\S*/libc\.so\.6)", said)[0])
    (root / loader.parent.relative_to("/")).mkdir(exist_ok=True)
    shutil.copy(loader, root / loader.relative_to("/"))
    (root / "lib" / libc.parent.name).mkdir(exist_ok=True)
    for name in (*GLIBC, ZLIB):
        shutil.copy(libc.with_name(name), root / "lib" / libc.parent.name / name)
    return root


@pytest.mark.skipif(os.getuid() != 0, reason="a root file system takes root")
@pytest.mark.parametrize("form", ["one file", "folder"])
def test_in_a_system_without_python_everything_works(
    form: str, one_file: Path, folder: Path, tmp_path: Path
) -> None:
    root = bare_system(tmp_path / "root")
    if form == "folder":
        shutil.copytree(folder, root / "eyeclaw")
    else:
        shutil.copy(one_file, root / "eyeclaw")
    program = "/eyeclaw/eyeclaw" if form == "folder" else "/eyeclaw"
    script = (
        'mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && '
        'exec chroot "$1" "$2" selftest --json'
    )
    done = subprocess.run(
        [*ISOLATED, "sh", "-c", script, "-", root, program],
        env={"PATH": os.environ["PATH"], "HOME": "/home"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = {each["check"]: each["state"] for each in json.loads(done.stdout)}
    assert found == dict.fromkeys([*CHECKS, "temporary"], "ok")
    assert list((root / "tmp").iterdir()) == []


def test_what_a_killed_one_has_left_is_removed_by_a_later_start_and_nothing_else(
    one_file: Path, tmp_path: Path
) -> None:
    environ = {"TMPDIR": str(tmp_path), "PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    @contextmanager
    def serve(data: str) -> Iterator[tuple[subprocess.Popen[str], Path]]:
        before = set(tmp_path.glob("_MEI*"))
        with subprocess.Popen(
            [one_file, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
            env={**environ, "EYECLAW_DATA": str(tmp_path / data)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as gateway:
            try:
                assert gateway.stdout is not None
                assert '"ready"' in gateway.stdout.readline()
                [folder] = set(tmp_path.glob("_MEI*")) - before
                yield gateway, folder
            finally:
                gateway.terminate()

    with serve("killed") as (gateway, left):
        gateway.kill()
        gateway.wait()
    with serve("running") as (gateway, used):
        for folder in (left, used):
            os.utime(folder, (0, 0))
        subprocess.run([one_file, "--version"], env=environ, check=True, capture_output=True)
        assert list(tmp_path.glob("_MEI*")) == [used]
    assert gateway.returncode == 0
    assert list(tmp_path.glob("_MEI*")) == []


def test_the_c_library_that_it_needs_is_no_newer_than_the_pages_say(folder: Path) -> None:
    needed = {
        tuple(map(int, version.split(b".")))
        for file in folder.rglob("*")
        if file.is_file() and file.read_bytes()[:4] == b"\x7fELF"
        for version in re.findall(rb"\bGLIBC_(\d+\.\d+)", file.read_bytes())
    }
    for language in ("en", "zh"):
        page = (ROOT / "docs" / language / "running.md").read_text("utf-8")
        said = {tuple(map(int, each.split("."))) for each in re.findall(r"glibc (\d+\.\d+)", page)}
        assert len(said) == 1
        assert max(needed) <= max(said)


def test_what_a_bare_system_has_not_is_in_it(folder: Path) -> None:
    # Without it glibc aborts the process when its first thread ends.
    assert list(folder.rglob("libgcc_s.so.1"))


def test_the_folder_is_called_as_its_version(folder: Path, one_file: Path) -> None:
    assert re.fullmatch(rf"eyeclaw-{re.escape(__version__)}-linux-\w+", folder.name)
    [sums] = one_file.parent.glob("eyeclaw-*.sha256")
    subprocess.run(["sha256sum", "--check", "--quiet", sums.name], cwd=sums.parent, check=True)
