"""The shutter of a whole clip: the evidence of the places that it is looked at in, added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vsdeblur.calibration.shutter.evidence import Evidence
from vsdeblur.calibration.shutter.fit import Estimate, fit
from vsdeblur.calibration.shutter.window import FRAMES, window_evidence
from vsdeblur.clip.samples import SPOTS, Place, each
from vsdeblur.window import Window

_SURE = 0.8  # confidence of a place that is heard against the others


@dataclass(frozen=True, slots=True)
class Pooled:
    """The shutter of a clip, and of each place that was looked at, in order, by itself."""

    estimate: Estimate
    places: tuple[Estimate, ...]

    @property
    def range(self) -> tuple[float, float] | None:
        """The least and the greatest shutter of the places that are sure of theirs; None where none is."""
        sure = [place.shutter for place in self.places if place.confidence >= _SURE]
        return (min(sure), max(sure)) if sure else None


def clip_shutter(places: Sequence[Place]) -> Pooled:
    """One estimate from the evidence of several places."""
    told = clip_evidence(places)
    return Pooled(fit([one for place in told for one in place]), tuple(fit(place) for place in told))


def clip_evidence(places: Sequence[Place]) -> list[list[Evidence]]:
    """What each of them says."""
    return each(lambda place: _evidence(place, len(places)), places)


def _evidence(place: Place, of: int) -> list[Evidence]:
    return [one for window in windows(place, of) for one in window_evidence(window, linear=place.linear)]


def windows(place: Place, of: int) -> list[Window]:
    """FRAMES frames each, side by side in the middle of the longest scene of a place, one ``of`` so many."""
    scene = place.scene
    count = min(-(-len(scene) // FRAMES), max(1, SPOTS // of))  # of a short clip all is looked at
    scene = scene[max(len(scene) - count * FRAMES, 0) // 2 :]
    parts = (scene[n * FRAMES : (n + 1) * FRAMES] for n in range(count))
    return [Window(part, 0, 0, len(part), 1) for part in parts]
