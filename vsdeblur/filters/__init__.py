"""One package for each host."""
