"""Numbers from evidence, one per file."""
