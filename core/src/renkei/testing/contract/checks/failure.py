"""Checks E: what becomes of records when something goes wrong."""

from __future__ import annotations

from renkei.testing.contract.checks.budgets import BudgetChecks
from renkei.testing.contract.checks.manners import MannersChecks
from renkei.testing.contract.checks.outcomes import OutcomeChecks
from renkei.testing.contract.checks.poison import PoisonChecks
from renkei.testing.contract.checks.refusals import RefusalChecks
from renkei.testing.contract.checks.results import ResultChecks
from renkei.testing.contract.checks.texts import TextChecks


class FailureChecks(PoisonChecks, OutcomeChecks, ResultChecks, RefusalChecks, BudgetChecks, MannersChecks, TextChecks):
    """Checks E."""
