"""Rules that pick the forget set, one per file."""
