"""The flows of many pairs of pictures in one call, so that an accelerator is waited for once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vsdeblur import crossing
from vsdeblur.errors import DeblurError
from vsdeblur.flow.motion import PairwiseFlow
from vsdeblur.tensors import refuse_wild

Pair = tuple[Tensor, Tensor]  # pictures a and b, (1 or 3, h, w) each

FARTHEST = 1e5  # pixels, farther than any picture is wide


class Flows:
    """A ``PairwiseFlow`` on many pairs: by its own ``many``, where it has that, else pair by pair.

    Args:
        flow: Its attribute ``on_host`` says that it is found by the processor, wherever the pictures are, ``workers``
            by how many threads.
    """

    def __init__(self, flow: PairwiseFlow) -> None:
        self.flow = flow

    def __call__(self, pairs: Sequence[Pair]) -> list[Tensor]:
        """The flow a -> b of each pair, (2, h, w) pixels.

        Raises:
            DeblurError: For flows of another shape, and for values that are not finite.
        """
        many = getattr(self.flow, "many", None)
        found = many(pairs) if many else [self.flow(a, b) for a, b in pairs]
        for (a, _), flow in zip(pairs, found, strict=True):
            wanted = (2, *a.shape[-2:])
            if not isinstance(flow, Tensor) or tuple(flow.shape) != wanted:
                got = tuple(flow.shape) if isinstance(flow, Tensor) else type(flow).__name__
                raise DeblurError(
                    f"flow must return a tensor of shape {wanted} for pictures of shape {tuple(a.shape)}, not {got}"
                )
        if not self.on_host:
            refuse_wild("flow", found, FARTHEST)
        return [flow.to(a) for (a, _), flow in zip(pairs, found, strict=True)]

    @property
    def at_once(self) -> int:
        """Of how many pairs the flow is found at the same time."""
        return int(getattr(self.flow, "workers", 1)) if self.on_host else 1

    @property
    def on_host(self) -> bool:
        """Whether the processor finds them."""
        return bool(getattr(self.flow, "on_host", False))


def fetched(groups: Sequence[Sequence[Tensor]]) -> list[list[Tensor]]:
    """Groups of fields (C, h, w) of one device on the processor: by one copy."""
    fields = [field for group in groups for field in group]
    if not fields:
        return []
    there = iter(crossing.together(*fields))
    return [[next(there) for _ in group] for group in groups]


def sent(fields: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """Fields of one size on a device: by one copy."""
    return list(crossing.sent(torch.stack(list(fields)), device)) if fields else []
