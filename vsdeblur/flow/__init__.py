"""Motion: flow engines, warps and their adjoints, paths, reliability and occlusion."""

from vsdeblur.flow.registry import find_fast_flow, find_motion_engine, learned_engine

__all__ = ["find_fast_flow", "find_motion_engine", "learned_engine"]
