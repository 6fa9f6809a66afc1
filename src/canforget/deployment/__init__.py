"""Models as files and as graphs that other engines run."""
