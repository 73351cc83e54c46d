"""Pages for a browser, each one file that loads nothing: what they look like, and before and after under one slider."""
