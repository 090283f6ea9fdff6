"""kintone as a backend of renkei, and a simulator of kintone's record API."""

__version__ = "0.1.0"
