"""The command line, for operators and for trying things out. Nothing imports it.

What a command needs of the engine is imported when it runs: `renkei --help` must answer at once.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; ends the process with the exit code that `renkei --help` explains."""
    from renkei.cli.app import app

    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its escape, not a traceback.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="renkei")
