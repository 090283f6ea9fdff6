"""Which checks a plugin must pass. Taking an id off this list needs an ADR."""

from __future__ import annotations

from typing import Final

SUITE_VERSION: Final = "1.0"
"""Checks are added in minor versions only, and each is advisory for one minor first."""

_IDS: Final = """
    D02 D04 D05 D06 D10
    M10
    S02 S04 S10
    A02 A03 A04 A05 A06 A07 A08 A09
    C02 C03 C04 C07 C08 C09
    G02 G03 G04 G05
    P01 P02 P03 P04 P05 P06 P07 P09 P11 P13 P15 P16
    E01 E02 E03 E04 E05 E06 E07 E08 E09 E10 E11 E12 E13 E14 E15 E16 E17 E18 E19 E20
    R01 R04 R05
    Z01 Z02 Z04 Z07
    X01 X03 X04
    V01 V02 V04
    K01 K02 K03 K04 K05 K07 K08
"""

REQUIRED: Final = frozenset(_IDS.split())
