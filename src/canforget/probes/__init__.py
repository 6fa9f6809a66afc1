"""Probes: what a model still holds, asked of the live model; one member a file."""
