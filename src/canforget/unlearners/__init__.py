"""Methods that make a model forget, one per file."""
