"""Plugins with one defect each: a suite that lets one of them pass proves nothing.

Those in `wrappers` are put round any author's own plugin and prove that the author's kit can see damage (K05).
"""

from renkei.testing.contract.saboteurs.making import Saboteur, damaged, described, module_saboteur
from renkei.testing.contract.saboteurs.wrappers import WRAPPERS

__all__ = ["WRAPPERS", "Saboteur", "damaged", "described", "module_saboteur"]
