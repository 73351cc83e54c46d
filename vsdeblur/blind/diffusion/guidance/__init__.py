"""How the data guides the reverse process: one way a file."""
