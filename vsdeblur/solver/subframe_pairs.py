"""Rendered sub-frames, and how those some way apart are coupled: along their paths, or along steps between them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vsdeblur.flow.compose import compose
from vsdeblur.flow.motion import displacement
from vsdeblur.solver.coupling import Link, links_of
from vsdeblur.tensors import constants


@dataclass(frozen=True, slots=True, eq=False)
class SubFrame:
    """A rendered sub-frame.

    Attributes:
        t: Instant, periods of the clip.
        picture: (C, H, W).
        path: (1, 4, h, w), ``onward_paths`` of its points.
    """

    t: float
    picture: Tensor
    path: Tensor


@dataclass(frozen=True, slots=True)
class SubFramePairs:
    """Sub-frames k and k + reach of a span.

    Attributes:
        span: Of sub-frames.
        reach: Sub-frames.
        far: Coupled along the paths, else along steps from one sub-frame to the next.
        onward: Time from each to its partner, periods of the earlier one's frame.
        back: Time from the partner, negative, periods of the later one's frame.
        joined: Whether there is no cut between them.
    """

    span: slice
    reach: int
    far: bool
    onward: tuple[float, ...]
    back: tuple[float, ...]
    joined: tuple[bool, ...]

    def links(self, paths: Tensor, steps: Tensor) -> list[Link]:
        """Links in both directions, by the sub-frames' paths (T, 4, h, w) and the steps between, (T - 1, 4, h, w)."""
        if not any(self.joined):
            return []
        here = paths[self.span]
        if self.far:
            there = displacement(here[: -self.reach], constants(here, self.onward)[:, None, None, None])
            back = displacement(here[self.reach :], constants(here, self.back)[:, None, None, None])
        else:
            ahead, behind = torch.split(steps[self.span.start : self.span.stop - 1], 2, 1)
            there, back = compose(ahead, self.reach), compose(behind.flip(0), self.reach).flip(0)
        joined = constants(here, self.joined)[:, None, None, None]
        return [replace(link, weight=link.weight * joined) for link in links_of(there, back, self.reach)]
