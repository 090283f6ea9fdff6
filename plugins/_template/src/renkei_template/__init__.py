"""A complete small backend for an invented CRM."""
