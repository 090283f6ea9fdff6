"""Sample actions for demos, rehearsals and tests: realistic in form, invented in content."""

from renkei.samples.actions import SAMPLE_CHANNELS, sample_actions

__all__ = ["SAMPLE_CHANNELS", "sample_actions"]
