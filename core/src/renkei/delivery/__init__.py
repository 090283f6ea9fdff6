"""Claim, render, push, settle: what turns waiting deliveries into records, each once."""
