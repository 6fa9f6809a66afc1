"""Formats, one per file: a new model with inspectable integer codes."""
