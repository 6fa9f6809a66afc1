"""Architectures, one per file: fresh weights."""
