"""For hosts' and plugins' own tests: a fake backend, and `drain()`."""

from renkei.testing.clock import ManualClock
from renkei.testing.draining import drain
from renkei.testing.fake import FakeBackend, StoredRecord

__all__ = ["FakeBackend", "ManualClock", "StoredRecord", "drain"]
