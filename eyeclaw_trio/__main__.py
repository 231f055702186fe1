"""`eyeclaw` and `python -m eyeclaw_trio`."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line. Until it is there, Ctrl-C ends the process with nothing said."""
    if sys.argv[1:] == ["picture-worker"]:  # a program in one file has no other to start
        from eyeclaw_trio.photos import picture_worker

        picture_worker.main()
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from eyeclaw_trio.cli import run

    signal.signal(signal.SIGINT, before)
    run()


if __name__ == "__main__":
    main()
