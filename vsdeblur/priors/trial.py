"""A trial of a model that a user brings, before the first frame: what it gives back, and how far it looks.

A wrong declaration gives wrong pictures rather than an error, and a halo that is too small gives seams between tiles.
Both are seen in a small generated picture: the first in the result, the second in how far a change of one edge of the
picture changes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from vsdeblur.errors import DeblurError
from vsdeblur.priors.declared import DeclaredPrior

SEAM = 0.3 / 255  # a change of this size is not seen
_EDGE = 16  # pixels that are changed
_ACROSS = 64  # the picture's other side
_SIGMA = 15 / 255
_FAR = 6  # results further from what was shown than so many deviations of the noise are of another picture
_BEYOND = 32  # pixels beyond the halo that are looked at
_WIDEST = 1024


def refuse_untrue(prior: DeclaredPrior, file: str, device: torch.device) -> None:
    """Raise DeblurError where the model is not what its declaration says.

    Args:
        prior: The model.
        file: The declaration's path, for the message.
        device: Where the model is.
    """
    said = prior.declaration
    for turned in (False, True):
        reach = _reach(prior, said.halo + _BEYOND, file, device, turned=turned)
        if reach <= said.halo:
            continue
        reach = max(reach, _widest_reach(prior, file, device, turned=turned))
        raise DeblurError(
            f"prior: {file}: halo = {said.halo} is too small: the model looks at least {reach} pixels "
            f"{'up or down' if turned else 'left or right'}, and tiles would show seams"
        )


def _widest_reach(prior: DeclaredPrior, file: str, device: torch.device, *, turned: bool) -> int:
    """How far it looks where the halo is wrong: up to where it no longer goes on, or to the widest picture."""
    if prior.declaration.tile is not None:
        return 0
    beyond, reach = 2 * (prior.declaration.halo + _BEYOND), 0
    while beyond <= _WIDEST // 2:
        reach = _reach(prior, beyond, file, device, turned=turned)
        if reach < beyond // 2:
            break
        beyond *= 2
    return reach


def _reach(prior: DeclaredPrior, beyond: int, file: str, device: torch.device, *, turned: bool) -> int:
    """The farthest pixel from a changed edge that changes, 0 for none."""
    said = prior.declaration
    align = said.align
    long = -(-(_EDGE + beyond) // align) * align
    across = -(-_ACROSS // align) * align
    # A model of one size sees that size, whatever there is to be seen.
    size = said.tile or ((long, across) if turned else (across, long))
    plain, changed = _pictures(said.frames, size, turned=turned, device=device)
    asked = DeclaredPrior(prior.name, replace(said, tile=None), prior._run)
    results = []
    for shown in (plain, changed):
        with torch.inference_mode():
            results.append(asked.denoised(shown[None], _SIGMA))
        _refuse_other_picture(results[-1], shown[said.frames // 2], prior.name, file)
    apart = (results[0] - results[1]).abs().amax(dim=(0, 1)).amax(1 if turned else 0)
    far = (apart > SEAM).nonzero()
    return max(int(far.max()) - (_EDGE - 1), 0) if len(far) else 0


def _refuse_other_picture(found: Tensor, shown: Tensor, name: str, file: str) -> None:
    away = float((found[0] - shown).square().mean().sqrt())
    if away > _FAR * _SIGMA:
        raise DeblurError(
            f"prior {name} gives back another picture than it is shown ({255 * away:.0f}/255 away at noise of "
            f"{255 * _SIGMA:.0f}/255): look at values, layout, colour and noise in {file}, and whether it gives back "
            "the noise rather than the picture"
        )


def _pictures(frames: int, size: tuple[int, int], *, turned: bool, device: torch.device) -> Iterator[Tensor]:
    """(T, 3, h, w) twice: a generated picture with noise, and the same with other values at one edge."""
    height, width = size
    generator = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(height) / 9.0, torch.arange(width) / 7.0, indexing="ij")
    waves = torch.stack([(x + k).sin() * (y - k).cos() for k in range(3)])
    picture = (0.5 + 0.25 * waves).expand(frames, -1, -1, -1)
    plain = (picture + _SIGMA * torch.randn(picture.shape, generator=generator)).clamp(0, 1)
    changed = plain.clone()
    edge = (..., slice(_EDGE), slice(None)) if turned else (..., slice(_EDGE))
    changed[edge] = torch.rand(changed[edge].shape, generator=generator)
    yield plain.to(device)
    yield changed.to(device)
