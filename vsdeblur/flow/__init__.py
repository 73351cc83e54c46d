"""Motion: flow engines, warps and their adjoints, paths, reliability and occlusion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import torch

    from vsdeblur.flow.motion import MotionEngine


def find_motion_engine(
    flow: str | Callable[..., Any] | None,
    preset: str = "medium",
    *,
    linear: bool = True,
    device: torch.device | None = None,
) -> MotionEngine:
    """The motion engine that an argument ``flow`` asks for.

    None or "dis": OpenCV DIS at ``preset``. "ptlflow:NAME:PATH", "raft:PATH": a learned flow and its checkpoint.
    A callable flow(a, b) -> (2, H, W) is adapted; with the attribute ``is_motion_engine`` it is one.
    Raises ArgumentError for an unknown name.
    """
    from vsdeblur.flow.dis import DisFlow
    from vsdeblur.flow.pairwise import PairwiseMotion

    if flow is None or flow == "dis":
        return PairwiseMotion(DisFlow(preset), linear=linear)
    if callable(flow):
        if getattr(flow, "is_motion_engine", False):
            return cast("MotionEngine", flow)
        return PairwiseMotion(flow, linear=linear)
    from vsdeblur.flow.models import load_flow

    return PairwiseMotion(load_flow(flow, device), linear=linear)
