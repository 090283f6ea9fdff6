"""The host's door: one object, `Renkei`."""
