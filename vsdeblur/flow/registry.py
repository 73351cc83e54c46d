"""Motion engines by name. A new engine is a file, a form in ``FORMS`` and a line in ``find_motion_engine``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from vsdeblur.named import listed, resolve_named

if TYPE_CHECKING:
    import torch

    from vsdeblur.flow.motion import FlowOfPairs, MotionEngine
    from vsdeblur.flow.pairwise import PairwiseMotion

# The default engine by DIS preset. "blur" measured 0.03 dB better than DIS for a tenth more time at "medium" (mean over
# the development clips, at 8/8 and at 5/8); at "fast" it would take half as long again, and speed is what that is for.
DEFAULT = {"fast": "dis", "medium": "blur"}
FORMS = (
    "dis",
    "blur",
    "blur:PATH",
    "paths",
    "paths:PATH",
    "ptlflow:MODEL:CHECKPOINT",
    "raft:CHECKPOINT",
    "raft_small:CHECKPOINT",
    "rife:PATH",
)
WANTED = "{none}, " + listed(FORMS, "a callable flow(a, b)")


def learned_engine(flow: str | Callable[..., Any] | None, preset: str) -> str | None:
    """Which of the project's own networks, "blur" or "paths", ``find_motion_engine`` would take; None for neither."""
    from vsdeblur.weights import available

    if flow is None:
        return "blur" if DEFAULT[preset] == "blur" and available("motion") else None
    family = flow.split(":")[0] if isinstance(flow, str) else ""
    return family if family in ("blur", "paths") else None


def find_motion_engine(
    flow: str | Callable[..., Any] | None,
    preset: str = "medium",
    *,
    linear: bool = True,
    device: torch.device | None = None,
    passes: int = 1,
    workers: int = 1,
) -> MotionEngine:
    """The motion engine that an argument ``flow`` asks for; all paths but those of a motion engine get their bend.

    Args:
        flow: None: what ``DEFAULT`` says for ``preset``, "dis" where the learned weights are missing. "dis": OpenCV's
            DIS. "blur": the project's own network over DIS; "paths": another one by itself; "blur:PATH", "paths:PATH":
            with weights that ``vsdeblur train`` made.
            "ptlflow:MODEL:CHECKPOINT", "raft:CHECKPOINT": a learned flow. "rife:PATH": a model
            with its declaration beside it (``vsdeblur.flow.declared``). A callable flow(a, b) -> (2, H, W) is
            adapted; one with the attribute ``is_motion_engine`` is a motion engine already.
        preset: of DIS, "fast" or "medium".
        linear: whether windows are linear light; otherwise their values are display values.
        device: of networks, None for the CPU.
        workers: threads that DIS may take: every pair one, since its result would depend on more.
        passes: estimates of the motion, each but the first between frames that the last one blurs alike; "paths" makes
            one.

    Raises:
        ArgumentError: The name is unknown or its checkpoint does not exist.
        DeblurError: A package or weights are missing, or a checkpoint does not fit.
    """
    from vsdeblur.flow.bend import BentMotion
    from vsdeblur.flow.dis import DisFlow
    from vsdeblur.flow.pairwise import PairwiseMotion
    from vsdeblur.flow.refined import RefinedMotion

    if callable(flow):
        if getattr(flow, "is_motion_engine", False):
            return cast("MotionEngine", flow)
        pairs = PairwiseMotion(flow, linear=linear)
        return BentMotion(RefinedMotion(pairs, pairs, passes - 1) if passes > 1 else pairs)
    if flow is None:
        flow = learned_engine(None, preset) or "dis"
    named = resolve_named("flow", flow, FORMS, WANTED)
    first: MotionEngine
    if named.family == "dis":
        # At full resolution motion in small pictures would take more than a third of the time of the fast preset.
        first = PairwiseMotion(DisFlow(preset, workers=workers), linear=linear, halve=preset == "fast")
        pairs = _what_is_left(linear, workers)
    elif named.family == "blur":
        from vsdeblur.flow.blur import load_blur

        # The network's corrections, a fourth as fine as the flow, lose more at half resolution than they win.
        flows = PairwiseMotion(DisFlow(preset, workers=workers), linear=linear)
        first, pairs = load_blur(flows, named.path, device, both_ways=preset != "fast"), _what_is_left(linear, workers)
    elif named.family == "paths":
        from vsdeblur.flow.path_motion import load_paths

        return load_paths(named.path, device, linear=linear)  # it sees how each frame is blurred: one pass
    elif named.family == "rife":
        from vsdeblur.flow.declared import load_declared_flow

        first = pairs = PairwiseMotion(load_declared_flow(named, device), linear=linear)
    else:
        from vsdeblur.flow.models import load_flow

        first = pairs = PairwiseMotion(load_flow(named, device), linear=linear)
    return BentMotion(RefinedMotion(first, pairs, passes - 1) if passes > 1 else first)


def _what_is_left(linear: bool, workers: int) -> PairwiseMotion:
    """The engine of further passes, in frames that the motion found already has been taken out of.

    What is left is small: against the first pass's own engine, fast DIS without continuation, which the first pass has
    done, gave 0.00 to +0.02 dB on four real clips and -0.06 on the demo's scene, in less than half of the time.
    """
    from vsdeblur.flow.dis import DisFlow
    from vsdeblur.flow.pairwise import PairwiseMotion

    return PairwiseMotion(DisFlow("fast", workers=workers), linear=linear, continuation=False)


def find_fast_flow(*, linear: bool = True, workers: int = 1) -> FlowOfPairs:
    """Fast DIS between pictures (C, h, w) that lie an instant apart; linear, workers: as in ``find_motion_engine``.

    Half as fine as the pictures: against all of it -0.03 to +0.06 dB on four clips, in a fourth of the time.
    """
    from vsdeblur.flow.dis import DisFlow
    from vsdeblur.flow.pairwise import PairwiseMotion

    return PairwiseMotion(DisFlow("fast", halved=True, workers=workers), linear=linear).between
