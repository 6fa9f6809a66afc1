"""The standard audit: its frozen definition, its run over models at hand, what it says, and the signed certificate of it."""
