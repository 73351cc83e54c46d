"""Unrolled E2 (``solver="unrolled"``): the u-step, a learned step on the key frames, and the projection of D1."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from vsdeblur.options import Options
    from vsdeblur.solver.unrolled.stage import ProximalStep

log = logging.getLogger("vsdeblur")


def is_unrolled(options: Options) -> bool:
    """Whether the options ask for the learned step: by ``solver``, or else by the preset.

    Without the project's weights the presets do without, and say so once.
    """
    from vsdeblur.engine.effort import EFFORTS
    from vsdeblur.weights import available

    if options.solver is not None:
        return options.solver.startswith("unrolled")
    if EFFORTS[options.preset].learned and not available("unrolled"):
        _say_missing()
        return False
    return EFFORTS[options.preset].learned


def load_step(options: Options, device: torch.device) -> ProximalStep:
    """The learned step that the options ask for. Raises DeblurError or InputError where its weights cannot be had."""
    from vsdeblur.solver.unrolled.stage import load_proximal

    path = (options.solver or "")[len("unrolled:") :]
    return load_proximal(Path(path) if path else None, device, linear=options.transfer != "linear")


@lru_cache(maxsize=1)
def _say_missing() -> None:
    log.warning('no weights "unrolled" in this installation: solver="keyframes" is used')
