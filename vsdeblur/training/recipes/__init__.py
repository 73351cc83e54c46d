"""One file per network: what it is, its inputs, its loss, how it is judged."""
