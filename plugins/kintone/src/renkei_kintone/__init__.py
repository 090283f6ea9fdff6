"""kintone as a backend of renkei."""
