"""Claim, render, push, settle: what turns waiting deliveries into records, each once."""

from renkei.delivery.policy import Policy, PolicyError
from renkei.delivery.session import OpenFile, Session
from renkei.delivery.worker import Worker

__all__ = ["OpenFile", "Policy", "PolicyError", "Session", "Worker"]
