"""Self-supervised training of the video networks: what adapting learns from one clip, over many blurry ones."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from vsdeblur.errors import InputError
from vsdeblur.training.adapt.camera import Camera
from vsdeblur.training.adapt.networks import ADAPTABLE, gain
from vsdeblur.training.adapt.parts import Part, estimated_shutter, filmed_by, find_parts
from vsdeblur.training.pool import Sample

log = logging.getLogger("vsdeblur")

PARTS = 3  # of a clip: two are learned from, one is held out
JUDGED = 8  # held-out parts by which weights are judged, at most
_LEAST_SIDE = 168  # pixels of a clip's shorter side: samples are of one size
_MOST_TRIES = 50


@dataclass(frozen=True, slots=True)
class Filmed:
    """A part of a clip, and the camera that filmed it."""

    part: Part
    camera: Camera


@dataclass(frozen=True, slots=True)
class ReblurredClips:
    """A ``Maker`` of what a network adapts by, of the parts of many clips.

    A part is restored, by the bundled weights, when it is drawn for the first time.

    Args:
        filmed: Parts, with their cameras.
        network: Of ``ADAPTABLE``.
        transfer: How values are stored.
    """

    filmed: Sequence[Filmed]
    network: str
    transfer: str

    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``; parts in which nothing moves are passed over."""
        for _ in range(_MOST_TRIES):
            one = self.filmed[int(rng.integers(len(self.filmed)))]
            one.part.restore(one.camera.shutter, self.transfer, None)
            try:
                return ADAPTABLE[self.network].scenes([one.part], one.camera, None)(rng)
            except InputError as error:
                log.debug("%s: %s", one.part.name, error)
        raise InputError(f"in none of {len(self.filmed)} parts of clips there is enough motion to learn from")


def find_filmed(folder: Path, cache: Path, shutter: float | None, transfer: str) -> list[Filmed]:
    """The parts of all usable clips of a folder, by name, decoded into ``cache`` unless they are there.

    Files that cannot be used are named in a warning and skipped.

    Args:
        folder: Of blurry clips.
        cache: For their parts.
        shutter: Of all clips, None to estimate each one's.
        transfer: How values are stored; "linear" where blur is a mean of the values as they are.

    Raises:
        InputError: Where no clip can be used.
    """
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: there is no such folder of clips")
    found: list[Filmed] = []
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        try:
            parts = find_parts([path], cache / path.name, PARTS)
            shorter = min(parts[0].blurry.shape[2:])
            if shorter < _LEAST_SIDE:
                raise InputError(f"{path}: its shorter side has {shorter} pixels, at least {_LEAST_SIDE} are needed")
        except InputError as error:
            log.warning("skipping %s", error)
            continue
        own = estimated_shutter(parts, transfer) if shutter is None else shutter
        camera = filmed_by(parts, own, transfer)
        found += [Filmed(part, camera) for part in parts]
    if not found:
        raise InputError(f"{folder}: none of its clips can be used")
    return found


def agreement(network: str, new: nn.Module, old: nn.Module, held: Sequence[Filmed]) -> list[float]:
    """dB by which new weights predict the exposures of held-out parts better than old ones; of JUDGED at most."""
    own = ADAPTABLE[network]
    chosen = held[:: max(len(held) // JUDGED, 1)][:JUDGED]
    return [gain(own, (old, new), one.part.blurry, one.camera, None) for one in chosen]
