"""Find, vet and call plugins; the guarded HTTP client."""
