"""A classifier that normalizes its pixels by itself: building it and predicting with it."""
