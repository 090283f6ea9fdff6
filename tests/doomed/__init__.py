"""Processes that end or stand still at a named failure point, and the CRM they speak to."""
