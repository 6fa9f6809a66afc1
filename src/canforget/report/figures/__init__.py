"""Figures of a page, one file each: (data set, model and scenario, their records) -> what is drawn, with its words and its data."""
