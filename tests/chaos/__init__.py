"""Chaos: real processes that are killed, frozen and lied to while actions flow, and the count of what became of them.

`run.py` is the command. One supervisor forks a simulated kintone, hosts that record, workers that deliver and a clerk
who looks at the ledger; a plan that depends on a seed alone says who is killed where and which request goes wrong.
"""
