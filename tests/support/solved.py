"""Solved windows of equal periods, for tests of what is made from them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor

from vsdeblur.flow.motion import Motion
from vsdeblur.solver.render.instant import render_instant
from vsdeblur.solver.render.residual import Residual, exposure_residual
from vsdeblur.solver.render.solved import SolvedWindow


def solved_window(keys: Tensor, frames: Tensor, motion: Motion, shutter: float, **given: Any) -> SolvedWindow:
    """keys, frames: (n, C, H, W). given: fields that are not those of a clip of n frames without cuts."""
    n = len(frames)
    plain = SolvedWindow(
        keys=keys,
        frames=frames,
        motion=motion,
        start=0,
        shutters=(shutter,) * n,
        spans=(1.0,) * n,
        cuts=frozenset(),
        taus=((0.0,),) * n,
        band=24,
    )
    return replace(plain, **given)


def residual_of(solved: SolvedWindow) -> Residual:
    """Of its exposures, computed whenever it is asked for."""
    return partial(exposure_residual, solved)


def rendered(solved: SolvedWindow, t: float) -> Tensor:
    """The instant t as composed, with the residual of the window's own exposures."""
    return render_instant(solved, t, residual_of(solved))
