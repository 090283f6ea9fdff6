"""The kit whose simulator takes the other side on every fact that nobody has confirmed.

PYTHONPATH=plugins/kintone/tests renkei verify kintone --kit flipped_kit:FlippedKit
"""

from __future__ import annotations

from renkei_kintone.kit import KintoneKit
from renkei_kintone.simulator.unsure import Unsure, alternatives

FLIPPED = Unsure().changed(dict(alternatives()))
"""Of a fact with several other answers, the last."""


class FlippedKit(KintoneKit):
    """As `KintoneKit`, in the other world."""

    def __init__(self) -> None:
        super().__init__()
        self._kintone.unsure = FLIPPED
