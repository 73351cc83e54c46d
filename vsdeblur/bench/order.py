"""Whether a preset that takes longer is ever worse: on no clip by more than TOLERANCE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from vsdeblur.bench.run import Results

TOLERANCE = 0.1  # dB


@dataclass(frozen=True, slots=True)
class Loss:
    """The slower preset is ``loss`` dB below the faster one on a clip, by "all"."""

    clip: str
    faster: str
    slower: str
    loss: float

    def __str__(self) -> str:
        return f"{self.clip}: {self.slower} {self.loss:.2f} dB below {self.faster}"


def losses(results: Results, presets: Mapping[str, str]) -> list[Loss]:
    """Where a slower preset is worse than a faster one by more than TOLERANCE, the greatest loss first.

    Args:
        results: with the rows of the presets.
        presets: preset -> its row, fastest first; those without rows are passed over.
    """
    known = [(preset, row) for preset, row in presets.items() if row in results.methods]
    found = []
    for (faster, first), (slower, second) in combinations(known, 2):
        for clip in results.clips:
            below = results.of(first, clip)[0].score.all - results.of(second, clip)[0].score.all
            if below > TOLERANCE:
                found.append(Loss(clip, faster, slower, below))
    return sorted(found, key=lambda loss: -loss.loss)
