"""`python -m renkei_template.simulator [--port P]`: serve Atelier until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import sys
from threading import Event

from renkei_template.simulator import SAMPLE_SETTINGS, Atelier, serve


def main() -> None:
    """Print the address and the sample client, and serve until interrupted."""
    parser = argparse.ArgumentParser(prog="renkei_template.simulator", description="Atelier on your own machine.")
    parser.add_argument("--port", type=int, default=0, help="any free one by default")
    arguments = parser.parse_args()
    with serve(Atelier(), port=arguments.port) as url, contextlib.suppress(KeyboardInterrupt):
        sys.stdout.write(f"{url}\n")
        for name, value in SAMPLE_SETTINGS.items():
            sys.stdout.write(f"{name}: {value}\n")
        sys.stdout.flush()
        Event().wait()


if __name__ == "__main__":
    main()
