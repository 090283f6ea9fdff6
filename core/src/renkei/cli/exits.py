"""Exit codes, one meaning each, for scripts."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    FAILED = 1  # refused, not possible, not reached; the message says what to do
    INPUT = 2  # the command was misused, or some of the lines given could not be taken
    NEEDS_A_PERSON = 3  # done, and something waits for somebody's decision
    DEFECT = 70  # a fault of renkei's own (EX_SOFTWARE)


EXPLAINED = (
    "Exit codes: 0 done · 1 refused or failed · 2 misused, or some lines not taken · "
    "3 something needs a person · 70 a defect of renkei's."
)
