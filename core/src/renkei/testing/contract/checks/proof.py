"""Check K05: this author's kit can see damage."""

from __future__ import annotations

from renkei.testing.contract.broken import require
from renkei.testing.contract.catalogue import check
from renkei.testing.contract.lane import for_requests
from renkei.testing.contract.stage import Stage


class ProofChecks:
    """Check K05."""

    @check("K05", prove=True)
    def test_k05_saboteurs_round_this_plugin_are_found(self, stage: Stage) -> None:
        """Each defect that the suite puts round this plugin is found by the checks that are there for it.

        Why: a kit whose probe or simulator sees no damage lets every check pass, on any plugin.
        Mend: look at the checks named: the probe has to read what the simulator really holds (`read`), `poison` has to
        be refused by it, and `reset` has to bring back everything.
        """
        # Here and not above: the runner knows every check, this one too.
        from renkei.testing.contract.proving import kills
        from renkei.testing.contract.running import run_check

        one_request = for_requests(stage.good, 2) is None
        able = [saboteur for saboteur in stage.wrappers if not (saboteur.several and one_request)]
        # A check that fails the plugin as it is finds everybody, and shows nothing.
        ids = sorted({id for saboteur in able for id in saboteur.killed_by})
        alone = {id: run_check(id, stage.subject, stage.kit) for id in ids}
        blind = [f"{id} ({outcome.seen})" for id, outcome in alone.items() if outcome.word != "passed"]
        require(not blind, f"the plugin as it is does not pass, so nothing that these find counts: {'; '.join(blind)}")
        found = {saboteur.name: kills(saboteur, stage.subject, stage.kit) for saboteur in able}
        stage.notes["saboteurs"] = {
            name: {id: outcome.word for id, outcome in outcomes.items()} for name, outcomes in found.items()
        }
        survived = [
            f"{name} survived {id}" + (f" ({outcome.seen})" if outcome.word == "crashed" else "")
            for name, outcomes in found.items()
            for id, outcome in outcomes.items()
            if outcome.word != "failed"
        ]
        require(not survived, "; ".join(survived))
