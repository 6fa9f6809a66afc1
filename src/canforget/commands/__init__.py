"""The commands of the application, one per file; imported only when called."""
