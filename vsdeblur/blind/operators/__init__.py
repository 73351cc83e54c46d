"""Blur operators: the linear map from a sharp picture to its blurry exposure, with exact adjoints."""
