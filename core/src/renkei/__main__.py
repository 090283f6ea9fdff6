"""`python -m renkei` is `renkei`."""

from __future__ import annotations

from renkei.cli import main

if __name__ == "__main__":
    main()
