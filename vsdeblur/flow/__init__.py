"""Motion: flow engines, warps and their adjoints, paths, reliability and occlusion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import torch

    from vsdeblur.flow.motion import MotionEngine


# The default engine by DIS preset: "blur" where it measured better by the protocol (benchmarks/results).
DEFAULT = {"fast": "dis", "medium": "dis"}


def find_motion_engine(
    flow: str | Callable[..., Any] | None,
    preset: str = "medium",
    *,
    linear: bool = True,
    device: torch.device | None = None,
) -> MotionEngine:
    """The motion engine that an argument ``flow`` asks for.

    None: what ``DEFAULT`` says for ``preset``, "dis" where the learned weights are missing. "dis": OpenCV DIS at
    ``preset``. "blur": the project's own network over DIS; "blur:PATH": with weights that ``vsdeblur train`` made.
    "ptlflow:NAME:PATH", "raft:PATH": a learned flow and its checkpoint.
    A callable flow(a, b) -> (2, H, W) is adapted; with the attribute ``is_motion_engine`` it is one.
    Raises ArgumentError for an unknown name.
    """
    from vsdeblur.flow.dis import DisFlow
    from vsdeblur.flow.pairwise import PairwiseMotion

    if flow is None:
        from vsdeblur.weights import available

        flow = DEFAULT[preset] if available("motion") else "dis"
    if flow == "dis":
        # At full resolution motion in small pictures would take more than a third of the time of the fast preset.
        return PairwiseMotion(DisFlow(preset), linear=linear, halve=preset == "fast")
    if isinstance(flow, str) and (flow == "blur" or flow.startswith("blur:")):
        from vsdeblur.flow.blur import load_blur

        # The network's corrections, a fourth as fine as the flow, lose more at half resolution than they win.
        first = PairwiseMotion(DisFlow(preset), linear=linear)
        return load_blur(first, Path(flow[5:]) if flow[5:] else None, device, both_ways=preset != "fast")
    if callable(flow):
        if getattr(flow, "is_motion_engine", False):
            return cast("MotionEngine", flow)
        return PairwiseMotion(flow, linear=linear)
    from vsdeblur.flow.models import load_flow

    return PairwiseMotion(load_flow(flow, device), linear=linear)
