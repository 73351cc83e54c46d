"""The test of a restored picture: where deconvolution did harm, less of it is taken, or none.

A wrong kernel passes every test of the kernel now and then. Its result gives it away: values far beyond those that the
picture has around them (black blotches, rings beside edges), many times the detail (rings and grown noise, where a
right kernel makes edges steeper but not more of them), and a result that, blurred again, is not the picture. A right
result goes beyond the blurry range and has more detail too, so much of both is allowed, and neighbourhoods are judged.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.blind.deconvolve.protocol import extended
from vsdeblur.blind.estimate.confidence import spread
from vsdeblur.blind.operators.protocol import Blur, LayeredBlur
from vsdeblur.camera.noise import noise_level
from vsdeblur.tensors import box, greatest, smoothstep

_REACH = 7  # pixels on either side whose values a pixel is compared with
_BEYOND, _LEAST_BEYOND = 0.5, 0.02  # of their range, and display values: overshoot that is allowed
_AROUND = 9  # pixels over which harm is averaged
_OVERSHOOT = 1.6, 0.8  # root mean square of overshoot over what is allowed: the ramp down to no harm
_PLACE = 81  # pixels over which detail is compared
_DETAIL = 3.2, 2.4  # times as much: where it helped 0.9 to 2.3, where it harmed 1.5 to 4.2, two thirds above 2.4
# The same for kernels of this spread, pixels, that passed the gate, and in proportion for wider ones: undoing the true
# blur of thirty-one photographs multiplied detail by up to 7.8 where the spread was 4.4 and by 3.7 where it was 1.5.
_NARROW = 2.0
_POINTS = 3  # along each side, at which the spread is measured
_NO_DETAIL = 2e-3  # gradient that is added to both
_REBLURRED = 6.0, 3.0  # the same for the misfit of the result, blurred again, over the noise
_LEAST_NOISE = 1 / 255
_WORTHLESS = 0.6  # mean share below which the picture is given back as a whole
_FEATHER = 15  # pixels


def harmless_share(
    before: Tensor, after: Tensor, blur: Blur, display: Callable[[Tensor], Tensor], *, assured: bool = False
) -> Tensor:
    """How much of a restored picture to take.

    Args:
        before: (1, C, H, W), the blurry picture or a tile of it, in values that blur averages.
        after: The restored one.
        blur: What was undone; of that size.
        display: Display values of such values.
        assured: The blur passed a gate, so that wide kernels are not far too wide ones: more detail is allowed.

    Returns:
        (1, 1, H, W) in [0, 1]; 0 everywhere where much of the result is harm.
    """
    seen = display(before)
    noise = max(noise_level(seen), _LEAST_NOISE)
    shares = (
        smoothstep(overshoot(seen, display(after)), *_OVERSHOOT),
        smoothstep(detail_gain(seen, display(after)) / (wideness(blur) if assured else 1.0), *_DETAIL),
        smoothstep(misfit(before, after, blur, display) / noise, *_REBLURRED),
    )
    share = torch.stack(shares).amin(0)
    if float(share.mean()) < _WORTHLESS:
        return torch.zeros_like(share)
    if bool((share == 1).all()):
        return share
    return box(-greatest(-share, _FEATHER), _FEATHER)


def overshoot(before: Tensor, after: Tensor) -> Tensor:
    """How far values leave the range around them, over what is allowed; root mean square, (1, 1, H, W)."""
    size = 2 * _REACH + 1
    high, low = (sign * greatest(sign * before, size) for sign in (1, -1))
    beyond = torch.maximum(after - high, low - after).clamp(min=0)
    allowed = _BEYOND * (high - low) + _LEAST_BEYOND
    return box((beyond / allowed).amax(1, keepdim=True).square(), _AROUND).sqrt()


def detail_gain(before: Tensor, after: Tensor) -> Tensor:
    """The mean gradient of the result over that of the picture without its noise, (1, 1, H, W)."""
    calm = box(before, 3)
    return (box(_gradient(after), _PLACE) + _NO_DETAIL) / (box(_gradient(calm), _PLACE) + _NO_DETAIL)


def wideness(blur: Blur) -> float:
    """How often as much detail is allowed as after a narrow blur; 1 where different layers move differently."""
    if isinstance(blur, LayeredBlur):
        return 1.0
    y, x = (torch.linspace(0, n - 1, _POINTS).round().long() for n in blur.size)
    points = torch.stack([at.flatten() for at in torch.meshgrid(x, y, indexing="ij")], 1)
    return max(1.0, float(spread(blur.kernels(points)).median()) / _NARROW)


def misfit(before: Tensor, after: Tensor, blur: Blur, display: Callable[[Tensor], Tensor]) -> Tensor:
    """What the result, blurred again, differs by from the picture in display values; root mean square, (1, 1, H, W)."""
    again = blur(extended(after, blur))
    edge = min(blur.margin, (min(before.shape[-2:]) - 1) // 2)  # there light from outside is missing
    off = (display(again) - display(before)).square().mean(1, keepdim=True)
    if isinstance(blur, LayeredBlur):
        off = off * blur.known().to(off)
    inner = off[..., edge : off.shape[-2] - edge, edge : off.shape[-1] - edge]
    return box(F.pad(inner, (edge,) * 4, mode="replicate"), _AROUND).sqrt()


def _gradient(x: Tensor) -> Tensor:
    """The mean of the sizes of the differences to the right and down, (1, 1, H, W)."""
    right, down = F.pad(x.diff(dim=-1), (0, 1, 0, 0)), F.pad(x.diff(dim=-2), (0, 0, 0, 1))
    return (right.abs() + down.abs()).mean(1, keepdim=True)
