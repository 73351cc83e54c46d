"""The learned steps that the options use.

Unrolled E2 (``solver="unrolled"``): the u-step, a learned step on key frames, the projection of D1, a learned step at
the instants that are rendered, and temporal consistency of the sub-frames at the end.
"""

from __future__ import annotations

import logging
import os
from functools import lru_cache
from typing import TYPE_CHECKING

from vsdeblur.named import match_named
from vsdeblur.settings.parse import SOLVERS

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from vsdeblur.settings import Options
    from vsdeblur.solver.unrolled.instants import InstantStep
    from vsdeblur.solver.unrolled.stage import ProximalStep

log = logging.getLogger("vsdeblur")


def uses_key_frame_step(options: Options) -> bool:
    """Whether the options use the learned step on key frames: by ``solver``, or else by the preset.

    Without the project's weights the presets omit it, with one warning.
    """
    from vsdeblur.presets import EFFORTS

    return _wanted(options, "unrolled", EFFORTS[options.preset].learned > 0)


def uses_instant_step(options: Options) -> bool:
    """Whether the options use the learned step at rendered instants: by ``solver``, or else by the preset."""
    from vsdeblur.presets import EFFORTS

    given = _given(options)
    if options.mode == "frame" or (given and os.path.isfile(given)):
        return False
    return _wanted(options, "instants", EFFORTS[options.preset].refined)


def uses_consistency(options: Options) -> bool:
    """Whether ``vsdeblur.solver.consistency`` follows at the end: the last step of "best".

    With an output shutter each output is a mean over many of them.
    """
    return uses_instant_step(options) and not options.out_shutter


def load_key_frame_step(options: Options, device: torch.device) -> ProximalStep:
    """The learned step on key frames of the options.

    Args:
        options: Give the weights, and whether values are linear light.
        device: Of the network.

    Raises:
        DeblurError: The weights are missing or damaged.
        InputError: The file holds no such weights.
    """
    from vsdeblur.solver.unrolled.stage import load_proximal

    return load_proximal(_own(options, "unrolled"), device, linear=options.transfer != "linear")


def load_instant_step(options: Options, device: torch.device) -> InstantStep:
    """The learned step at rendered instants of the options.

    Args:
        options: Give the weights, and whether values are linear light.
        device: Of the network.

    Raises:
        DeblurError: The weights are missing or damaged.
        InputError: The file holds no such weights.
    """
    from vsdeblur.solver.unrolled.instants import load_instants

    return load_instants(_own(options, "instants"), device, linear=options.transfer != "linear")


def _wanted(options: Options, name: str, by_preset: bool) -> bool:
    from vsdeblur.weights import available

    if solver := match_named(options.solver, SOLVERS):
        return solver.family == "unrolled"
    if by_preset and not available(name):
        _say_missing(name)
    return by_preset and available(name)


def _own(options: Options, name: str) -> Path | None:
    """The file of the weights ``name`` that the options give, None for the project's own.

    A folder holds both networks', by the names that ``vsdeblur train`` gives them; a file is the first one's.
    """
    from vsdeblur.weights import within

    given = _given(options)
    return within(given, name) if given else None


def _given(options: Options) -> Path | None:
    """The PATH of solver="unrolled:PATH"."""
    solver = match_named(options.solver, SOLVERS)
    return solver.path if solver else None


@lru_cache
def _say_missing(name: str) -> None:
    log.warning('no weights "%s" in this installation: the learned step that needs them is left out', name)
