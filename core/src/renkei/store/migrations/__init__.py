"""Schema migrations, run by `renkei.store.schema` without any ini file."""
