"""`python -m autodialer`: the command line."""

from __future__ import annotations

from autodialer.ops.cli import main

if __name__ == "__main__":
    main()
