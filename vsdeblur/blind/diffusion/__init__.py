"""Restoration by diffusion: a prior over all noise levels, and samplers that the data guides."""
