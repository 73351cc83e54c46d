"""Blur operators: what a movement during one exposure does to a picture, with exact adjoints."""
