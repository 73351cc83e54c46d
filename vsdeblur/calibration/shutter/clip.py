"""The shutter of a whole clip, from the evidence of its samples together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vsdeblur.calibration.shutter.evidence import ShutterEvidence
from vsdeblur.calibration.shutter.fit import ShutterEstimate, fit_shutter
from vsdeblur.calibration.shutter.window import FRAMES, window_evidence
from vsdeblur.clip.samples import SAMPLES, ClipSample, map_samples
from vsdeblur.window import Window

_CERTAIN = 0.8  # confidence from which on a sample's own estimate counts against the others


@dataclass(frozen=True, slots=True)
class ClipShutter:
    """The shutter of a clip, and of each of its samples, in order, by itself."""

    estimate: ShutterEstimate
    samples: tuple[ShutterEstimate, ...]

    @property
    def range(self) -> tuple[float, float] | None:
        """The least and the greatest shutter of the samples with a confidence of 0.8 or more; None without any."""
        certain = [sample.shutter for sample in self.samples if sample.confidence >= _CERTAIN]
        return (min(certain), max(certain)) if certain else None


def clip_shutter(samples: Sequence[ClipSample]) -> ClipShutter:
    """One estimate from the evidence of all samples, and one from each."""
    evidence = clip_evidence(samples)
    together = fit_shutter([one for sample in evidence for one in sample])
    return ClipShutter(together, tuple(fit_shutter(sample) for sample in evidence))


def clip_evidence(samples: Sequence[ClipSample]) -> list[list[ShutterEvidence]]:
    """The evidence of each frame, sample by sample."""
    return map_samples(lambda sample: _sample_evidence(sample, len(samples)), samples)


def _sample_evidence(sample: ClipSample, count: int) -> list[ShutterEvidence]:
    windows = sample_windows(sample, count)
    return [one for window in windows for one in window_evidence(window, linear=sample.linear)]


def sample_windows(sample: ClipSample, count: int) -> list[Window]:
    """Windows of FRAMES frames, side by side in the middle of a sample's longest scene.

    Args:
        sample: one of the clip's.
        count: samples of the clip; of a short clip all frames are used.
    """
    scene = sample.scene
    windows = min(-(-len(scene) // FRAMES), max(1, SAMPLES // count))
    scene = scene[max(len(scene) - windows * FRAMES, 0) // 2 :]
    parts = (scene[n * FRAMES : (n + 1) * FRAMES] for n in range(windows))
    return [Window(part, 0, 0, len(part), 1) for part in parts]
