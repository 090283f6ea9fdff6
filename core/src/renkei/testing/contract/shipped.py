"""The suite as `renkei verify` runs it: the classes as they are, without anybody's conftest."""

from renkei.testing.contract.pytested import Contract


class TestContract(Contract):
    """Every check, on the backend that the command names."""
