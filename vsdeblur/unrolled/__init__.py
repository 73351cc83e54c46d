"""Unrolled E2: u-steps of the key-frame form with a learned proximal network between them (``solver="unrolled"``)."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from vsdeblur.options import Options
    from vsdeblur.unrolled.stage import ProximalStep

log = logging.getLogger("vsdeblur")


def stages(options: Options) -> int:
    """How many learned steps the options ask for: the preset's own number, or 1 where ``solver`` asks for any at all.

    Without the project's weights the presets do without, and say so once.
    """
    from vsdeblur.effort import EFFORTS
    from vsdeblur.weights import available

    own = EFFORTS[options.preset].stages
    if options.solver is None:
        if own and not available("unrolled"):
            _say_missing()
            return 0
        return own
    return max(own, 1) if options.solver.startswith("unrolled") else 0


def load_step(options: Options, device: torch.device) -> ProximalStep:
    """The learned step that the options ask for. Raises DeblurError or InputError where its weights cannot be had."""
    from vsdeblur.unrolled.stage import load_proximal

    path = (options.solver or "")[len("unrolled:") :]
    return load_proximal(Path(path) if path else None, device, linear=options.transfer != "linear")


@lru_cache(maxsize=1)
def _say_missing() -> None:
    log.warning('no weights "unrolled" in this installation: solver="keyframes" is used')
