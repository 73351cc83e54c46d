"""Generated scenes with known truth."""
