"""Where a prior acts: everywhere if it was asked for by name, where there is noise by prior="auto"."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from vsdeblur.engine.plan import Plan
from vsdeblur.presets import EFFORTS
from vsdeblur.settings import Options
from vsdeblur.settings.setting import AUTO
from vsdeblur.weights import available

FOR_NOISE = "video"
# Deviation of the noise, display values, from where on it acts: more than clean clips have, rounded and compressed, and
# less than a phone's at ISO 800 (benchmarks/noise.py).
NOISY = 1.5 / 255

log = logging.getLogger("vsdeblur")


@dataclass(frozen=True, slots=True)
class NoiseGate:
    """A prior, and at which noise it acts.

    Attributes:
        prior: As ``get_prior`` takes it; None without.
        automatic: Whether it acts only where there is noise.
        affordable: Whether the plan has room for it then.
    """

    prior: str | Callable[..., Any] | None
    automatic: bool = False
    affordable: bool = True

    @classmethod
    def of(cls, options: Options) -> NoiseGate:
        """What the options ask for: of "auto" the project's denoiser, in presets that have time for networks."""
        timely = EFFORTS[options.preset].learned > 0 and options.mode != "frame"
        if options.prior == AUTO and timely and available("denoiser"):
            return cls(FOR_NOISE, automatic=True)
        return cls(options.fixed_prior)

    def within(self, plan: Plan) -> NoiseGate:
        """The same, as the plan has room for it."""
        return replace(self, affordable=not self.automatic or plan.overlap_denoised is not None)

    def acts(self, sigma: float) -> bool:
        """Whether there is a prior that acts at noise of this deviation, display values; else one warning is given."""
        if not self.automatic:
            return self.prior is not None
        if sigma > NOISY and not self.affordable:
            _say_left_in()
        return sigma > NOISY and self.affordable


@cache
def _say_left_in() -> None:
    log.warning('noise is left in: prior="video" takes more memory than max_memory leaves beside tiles of this size')
