"""nginx with the module nchan, as Debian and Ubuntu package them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Final

from attrs import field, frozen

from .peer import HERE, HOST, CannotPrepare, Dialect, run

TEMPLATE: Final = HERE / "nchan" / "nginx.conf.template"
NGINX_PACKAGE: Final = "nginx"
NCHAN_PACKAGE: Final = "libnginx-mod-nchan"
# Where the packages put them.
NGINX: Final = Path("/usr/sbin/nginx")
MODULE: Final = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
# There on every system that systemd has booted, and in no ordinary container.
SERVICES: Final = Path("/run/systemd/system")


@frozen
class NchanPeer:
    """The one peer that cannot live in `cache`: its packages belong to the system.

    nchan makes nginx use the folders of the installed package whatever the configuration says,
    so unpacking it elsewhere does not do.
    """

    name: str = field(default="nchan", init=False)
    title: str = field(default="nginx + nchan (no acknowledgement)", init=False)
    dialect: Dialect = field(default="nchan", init=False)

    def prepare(self, cache: Path) -> str | None:  # noqa: ARG002
        """Install the packages where that is harmless: as root, in a container."""
        try:
            if not _is_installed():
                _install()
        except CannotPrepare as reason:
            return f"{reason} (apt-get install {NGINX_PACKAGE} {NCHAN_PACKAGE})"
        return None

    def command(self, port: int, cache: Path) -> Sequence[str]:
        """Also writes the configuration for `port` into `cache`."""
        folder = cache / "nchan"
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / f"nginx-{port}.conf"
        text = Template(TEMPLATE.read_text("utf-8")).substitute(module=MODULE, host=HOST, port=port)
        configuration.write_text(text, "utf-8")
        return [str(NGINX), "-p", f"{folder}/", "-c", configuration.name, "-e", "stderr"]

    def environment(self, port: int) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def version(self, cache: Path) -> str:  # noqa: ARG002
        show = ("dpkg-query", "--show", "--showformat", "${Version}")
        return f"nginx {run(*show, NGINX_PACKAGE)}, nchan {run(*show, NCHAN_PACKAGE)}"


def _is_installed() -> bool:
    return NGINX.exists() and MODULE.exists()


def _install() -> None:
    # On a machine with services the package would start one, on port 80.
    if os.geteuid() != 0 or SERVICES.exists():
        raise CannotPrepare("not installed")
    run("apt-get", "update", "--quiet")
    run(
        *("apt-get", "install", "--quiet", "--yes", "--no-install-recommends"),
        *(NGINX_PACKAGE, NCHAN_PACKAGE),
    )
    if not _is_installed():
        raise CannotPrepare("not where it was expected after its installation")


NCHAN: Final = NchanPeer()
