"""Motion: flow engines, warps and their adjoints, paths, reliability and occlusion."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import torch

    from vsdeblur.flow.motion import MotionEngine, PairwiseFlow


# The default engine by DIS preset. "blur" measured 0.03 dB better than DIS for a tenth more time at "medium" (mean over
# the development clips, at 8/8 and at 5/8); at "fast" it would take half as long again, and speed is what that is for.
DEFAULT = {"fast": "dis", "medium": "blur"}


def is_learned(flow: str | Callable[..., Any] | None, preset: str) -> bool:
    """Whether ``find_motion_engine`` would take the project's own network."""
    from vsdeblur.weights import available

    if flow is None:
        return DEFAULT[preset] == "blur" and available("motion")
    return isinstance(flow, str) and (flow == "blur" or flow.startswith("blur:"))


def find_motion_engine(
    flow: str | Callable[..., Any] | None,
    preset: str = "medium",
    *,
    linear: bool = True,
    device: torch.device | None = None,
    looks: int = 1,
) -> MotionEngine:
    """The motion engine that an argument ``flow`` asks for.

    None: what ``DEFAULT`` says for ``preset``, "dis" where the learned weights are missing. "dis": OpenCV DIS at
    ``preset``. "blur": the project's own network over DIS; "blur:PATH": with weights that ``vsdeblur train`` made.
    "ptlflow:NAME:PATH", "raft:PATH": a learned flow and its checkpoint.
    A callable flow(a, b) -> (2, H, W) is adapted; with the attribute ``is_motion_engine`` it is one.
    looks: how often the motion is looked at, each time between frames more equally blurred.
    Raises ArgumentError for an unknown name.
    """
    from vsdeblur.flow.dis import DisFlow
    from vsdeblur.flow.look import LookAgain
    from vsdeblur.flow.pairwise import PairwiseMotion

    if callable(flow) and getattr(flow, "is_motion_engine", False):
        return cast("MotionEngine", flow)
    if flow is None:
        flow = "blur" if is_learned(None, preset) else "dis"
    learned = isinstance(flow, str) and is_learned(flow, preset)
    if flow == "dis":
        # At full resolution motion in small pictures would take more than a third of the time of the fast preset.
        pairs = PairwiseMotion(DisFlow(preset), linear=linear, halve=preset == "fast")
    elif learned:
        # The network's corrections, a fourth as fine as the flow, lose more at half resolution than they win.
        pairs = PairwiseMotion(DisFlow(preset), linear=linear)
    elif callable(flow):
        pairs = PairwiseMotion(flow, linear=linear)
    else:
        from vsdeblur.flow.models import load_flow

        pairs = PairwiseMotion(load_flow(flow, device), linear=linear)
    first: MotionEngine = pairs
    if learned:
        from vsdeblur.flow.blur import load_blur

        path = cast("str", flow)[len("blur:") :]
        first = load_blur(pairs, Path(path) if path else None, device, both_ways=preset != "fast")
    return LookAgain(first, pairs, looks - 1) if looks > 1 else first


def find_quick_flow(*, linear: bool = True) -> PairwiseFlow:
    """Between pictures that lie an instant apart, of values as ``find_motion_engine`` is told: a fast one is enough."""
    from vsdeblur.flow.dis import DisFlow
    from vsdeblur.flow.pairwise import PairwiseMotion

    return PairwiseMotion(DisFlow("fast"), linear=linear).between
