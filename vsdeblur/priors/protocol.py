"""What a prior R1 is to the solvers: a denoiser in the place of R1's prox, of single pictures or of aligned frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from vsdeblur.errors import DeblurError
from vsdeblur.footprint import TileFootprint
from vsdeblur.tensors import refuse_wild

LARGEST = 1e4  # display values are about 1, and the brightest of HDR some hundreds


class Prior(Protocol):
    """prox_{sigma^2 R1}, or a denoiser in its place. Any such function is one."""

    def __call__(self, u: Tensor, sigma: float, /) -> Tensor:
        """Denoise.

        Args:
            u: (T, C, H, W), display values, nominally in [0, 1]; larger and negative ones occur. C is 1 or 3.
            sigma: standard deviation of the noise, in the unit of u, above 0.

        Returns:
            A new tensor of u's shape. Nothing is kept from call to call.
        """
        ...


@runtime_checkable
class ImagePrior(Prior, Protocol):
    """A prior that takes the frames of the solver as they are, which lie a period's motion apart.

    Attributes:
        name: for messages.
        halo: pixels from which an input can still change an output value. Tiles overlap by as much.
    """

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def halo(self) -> int:
        """Pixels from which an input can still change an output value."""
        ...

    def footprint(self, channels: int) -> TileFootprint:
        """The values that it holds at work for frames of so many channels."""
        ...


@runtime_checkable
class VideoPrior(ImagePrior, Protocol):
    """A prior that makes one frame of several, which the solver aligns to it along the motion.

    Attributes:
        frames: how many it takes, an odd number, the frame itself in the middle.
    """

    @property
    def frames(self) -> int:
        """How many it takes, an odd number."""
        ...

    def middle(self, frames: Tensor, sigma: float) -> Tensor:
        """The middle frames (B, C, H, W), denoised, of ``frames`` (B, ``self.frames``, C, H, W)."""
        ...


@runtime_checkable
class LearningPrior(ImagePrior, Protocol):
    """A prior that learns from the frames of a window before that is solved."""

    @property
    def learning_bytes(self) -> int:
        """Memory that learning holds, whatever the size of the frames."""
        ...

    def learned(self, frames: Tensor, sigma: float, *, linear: bool) -> ImagePrior:
        """The prior of a window; the one that learns stays as it is.

        Args:
            frames: (n, C, H, W), the blurry frames' colours.
            sigma: Standard deviation of their noise, display values.
            linear: Whether values are linear light; otherwise they are display values.
        """
        ...


def learning_bytes(prior: ImagePrior | None) -> int:
    """What a prior holds that learns from a window before that is solved; 0 for others."""
    return prior.learning_bytes if isinstance(prior, LearningPrior) else 0


def of_window(prior: ImagePrior, frames: Tensor, sigma: float, *, linear: bool) -> ImagePrior:
    """The prior, or what it learns from a window first. frames, sigma, linear: as ``LearningPrior.learned``."""
    return prior.learned(frames, sigma, linear=linear) if isinstance(prior, LearningPrior) else prior


@dataclass(frozen=True, slots=True)
class FunctionPrior:
    """A plain function ``prior(u, sigma) -> u`` as an ``ImagePrior``, with no halo and a usual footprint."""

    function: Any

    @property
    def name(self) -> str:
        """What messages call it."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    @property
    def halo(self) -> int:
        """Pixels from which an input can still change an output value."""
        return 0

    def footprint(self, channels: int) -> TileFootprint:
        """The values that it holds at work for frames of so many channels."""
        return TileFootprint(per_frame=24 * channels)

    def __call__(self, u: Tensor, sigma: float) -> Tensor:
        """The denoised frames of u (N, C, H, W), whose noise has the deviation ``sigma``."""
        found: Tensor = self.function(u, sigma)
        refuse_wild(f"prior {self.name}", found, LARGEST)
        if found.shape != u.shape or found.is_complex():
            kind = f"{str(found.dtype).removeprefix('torch.')} {tuple(found.shape)}"
            raise DeblurError(f"prior {self.name} gave back {kind}, not real values {tuple(u.shape)}")
        return found.to(u)
