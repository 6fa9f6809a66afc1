"""Records, verdicts and tables. Arrays only, no torch."""
