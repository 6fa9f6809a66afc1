"""A page of records for people: one self-contained HTML file that answers before it counts."""
