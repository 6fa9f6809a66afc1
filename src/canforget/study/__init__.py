"""A study: its definition, its plan, its execution and its store."""
