"""The contract suite: what every plugin has to do, as checks that are run against it.

`renkei verify BACKEND` runs it and is what counts. To work on one failure in your own pytest:

    from renkei.testing.contract import Contract

    class TestAcme(Contract):
        kit = AcmeKit
"""

from renkei.testing.contract.pytested import Contract

__all__ = ["Contract"]
