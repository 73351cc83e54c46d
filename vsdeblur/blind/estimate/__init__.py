"""The blur of a picture, from the picture alone."""
