"""Ways to carry a plan out, one per file."""
