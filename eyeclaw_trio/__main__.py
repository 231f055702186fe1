"""`eyeclaw` and `python -m eyeclaw_trio`."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command line. Until it is there, Ctrl-C ends the process with nothing said."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from eyeclaw_trio.cli import run

    signal.signal(signal.SIGINT, before)
    run()


if __name__ == "__main__":
    main()
