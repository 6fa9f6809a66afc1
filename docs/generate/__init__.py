"""Pages of the reference, written from the source as it is: components, commands, and the public names."""
