"""Data sets, one per file: labels at once, pixels on demand."""
