"""Attacks on evidence, one per file: per-sample scores, a value and its interval."""
