"""For hosts' and plugins' own tests: a fake backend and `drain()`."""
