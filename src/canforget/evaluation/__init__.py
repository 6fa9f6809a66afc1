"""What metrics and audits share: evidence, statistics and scores. Arrays only, no torch."""
