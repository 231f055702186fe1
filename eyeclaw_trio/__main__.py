"""`python -m eyeclaw_trio`."""

from __future__ import annotations

from eyeclaw_trio.cli import main

if __name__ == "__main__":
    main(prog_name="eyeclaw")
