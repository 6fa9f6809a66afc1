"""The command line application."""
