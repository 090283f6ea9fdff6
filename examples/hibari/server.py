"""Serve a Hibari CRM on this machine until Ctrl-C: `python examples/hibari/server.py --port 8123`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from threading import Event

from hibari_crm import FULL_KEY, READ_ONLY_KEY, SECOND_KEY, Hibari, serve
from hibari_crm.crm import REQUESTS_PER_MINUTE


def main() -> None:
    """Print the address and the sample keys, and serve until interrupted."""
    parser = argparse.ArgumentParser(description="A Hibari CRM on your own machine, in memory.")
    parser.add_argument("--port", type=int, default=8123, help="0 for any that is free (default: 8123)")
    hibari = Hibari(requests_per_minute=REQUESTS_PER_MINUTE)
    with serve(hibari, port=parser.parse_args().port) as url, contextlib.suppress(KeyboardInterrupt):
        sys.stdout.write(f"{url}\nAPI keys: {FULL_KEY}, {SECOND_KEY}\nread-only API key: {READ_ONLY_KEY}\n")
        sys.stdout.flush()
        Event().wait()


if __name__ == "__main__":
    main()
