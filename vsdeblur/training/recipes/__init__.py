"""One file per network: what it is, what it sees, what it is told, how it is judged."""
