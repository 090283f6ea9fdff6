"""The start of a plugin: the shipped sample, written out under the author's names. Imports nothing else of renkei."""

from renkei.scaffold.names import Names, NotPossible
from renkei.scaffold.plugin import Plan, plan, write

__all__ = ["Names", "NotPossible", "Plan", "plan", "write"]
