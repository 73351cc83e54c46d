"""Transfer functions: stored (non-linear) values to linear light and back.

Every curve is invertible on the whole real line: odd below 0 (out-of-gamut colours keep their sign; logarithmic curves
of cameras go on as their toes do) and continued above 1 (super-whites). Linear 1.0 is the nominal white of the SDR
curves, the light of a white surface of logarithmic ones, and the reference white of the HDR ones (203 cd/m2 of PQ, the
75% signal of scene-referred HLG; ITU-R BT.2408), so that a solver sees the same scale everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from vsdeblur.colour.log import log_curve
from vsdeblur.colour.response import Response
from vsdeblur.errors import ArgumentError
from vsdeblur.settings.transfers import KNOWN, LOGS, gamma_of, is_known

if TYPE_CHECKING:
    from torch import Tensor

_SIGNED = tuple(name for name in LOGS if name != "protune")  # whose black is above 0: light below it is negative
# HDR and logarithmic curves go on along a straight line from here, beyond every integer format's super-whites.
_KNEE = 1.2


def to_linear(x: Tensor, name: str, *, inplace: bool = False) -> Tensor:
    """Linear light from stored values, both nominally in [0, 1]; any floating tensor, same shape, dtype and device.

    inplace: overwrite ``x`` (which must be contiguous) instead of a copy of it.

    >>> import torch
    >>> to_linear(torch.tensor([0.0, 0.5, 1.0]), "gamma2.2")
    tensor([0.0000, 0.2176, 1.0000])
    """
    return _apply(x, name, 0, inplace)


def from_linear(x: Tensor, name: str, *, inplace: bool = False) -> Tensor:
    """The inverse of :func:`to_linear`."""
    return _apply(x, name, 1, inplace)


def _apply(x: Tensor, name: str, direction: int, inplace: bool) -> Tensor:
    import torch

    from vsdeblur.tensors import blocks

    if not is_known(name):
        raise ArgumentError("transfer", name, "one of " + KNOWN)
    out = x if inplace else x.clone(memory_format=torch.contiguous_format)
    if name == "linear":
        return out
    curve, signed = _CURVES[name][direction], name in _SIGNED
    for block in blocks(out.view(-1)):
        if signed:
            block.copy_(curve(block.clone()))
        else:
            torch.copysign(curve(block.abs()), block, out=block)
    return out


# A curve takes non-negative values, those in _SIGNED any, and may overwrite them; it returns the tensor that holds the
# result.
_Curve = Callable[["Tensor"], "Tensor"]


def _power(gamma: float) -> tuple[_Curve, _Curve]:
    return (lambda a: a.pow_(gamma)), (lambda a: a.pow_(1 / gamma))


def _power_with_toe(slope: float, gamma: float) -> tuple[_Curve, _Curve]:
    """alpha * L^(1/gamma) - (alpha - 1), and slope * L near black, joined where value and derivative agree."""
    import torch

    # Tangency: with L the joint, slope L = alpha L^(1/gamma) - alpha + 1 and slope = alpha / gamma * L^(1/gamma - 1).
    low, high = 1e-6, 0.1
    for _ in range(200):
        joint = (low + high) / 2
        alpha = slope * gamma * joint ** (1 - 1 / gamma)
        if alpha * joint ** (1 / gamma) - alpha + 1 > slope * joint:
            low = joint
        else:
            high = joint
    stored_joint = slope * joint

    def decode(a: Tensor) -> Tensor:
        power = torch.mul(a, 1 / alpha).add_((alpha - 1) / alpha).pow_(gamma)
        return torch.where(a < stored_joint, a.mul_(1 / slope), power)

    def encode(a: Tensor) -> Tensor:
        power = a.pow(1 / gamma).mul_(alpha).sub_(alpha - 1)
        return torch.where(a < joint, a.mul_(slope), power)

    return decode, encode


def _continued(decode: _Curve, encode: _Curve) -> tuple[_Curve, _Curve]:
    """The same curves, going on along the tangent above the knee, where formulas of HDR and logarithms run away."""
    import torch

    at, step = torch.tensor([_KNEE - 1e-4, _KNEE], dtype=torch.float64), 1e-4
    below, linear_knee = decode(at).tolist()
    slope = (linear_knee - below) / step

    def decode_on(a: Tensor) -> Tensor:
        beyond = a.sub(_KNEE).clamp_(min=0).mul_(slope)
        return decode(a.clamp_(max=_KNEE)).add_(beyond)

    def encode_on(a: Tensor) -> Tensor:
        beyond = a.sub(linear_knee).clamp_(min=0).div_(slope)
        return encode(a.clamp_(max=linear_knee)).add_(beyond)

    return decode_on, encode_on


def _pq() -> tuple[_Curve, _Curve]:
    """SMPTE ST 2084. Written around 1 with expm1 and log1p: float32 keeps 16-bit code values apart."""
    m1, m2 = 2610 / 16384, 2523 / 32
    c1, c3 = 3424 / 4096, 2392 / 128
    near = 1 - c1  # = c2 - c3
    white = 10000 / 203

    def decode(a: Tensor) -> Tensor:
        e = a.log_().div_(m2).expm1_()
        top = e.add(near).clamp_(min=0)
        return top.div_(e.mul_(-c3).add_(near)).pow_(1 / m1).mul_(white)

    def encode(a: Tensor) -> Tensor:
        p = a.div_(white).log_().mul_(m1).expm1_()
        bottom = p.mul(c3).add_(1 + c3)
        return p.mul_(near).div_(bottom).log1p_().mul_(m2).exp_()

    return _continued(decode, encode)


def _hlg() -> tuple[_Curve, _Curve]:
    """ARIB STD-B67 / BT.2100 HLG, scene light (the light that blurred)."""
    import torch

    a_, b_ = 0.17883277, 0.28466892
    c_ = 0.5 - a_ * math.log(4 * a_)
    white = (math.exp((0.75 - c_) / a_) + b_) / 12

    def decode(a: Tensor) -> Tensor:
        high = a.sub(c_).div_(a_).exp_().add_(b_).div_(12 * white)
        return torch.where(a <= 0.5, a.square_().div_(3 * white), high)

    def encode(a: Tensor) -> Tensor:
        a.mul_(white)
        high = a.mul(12).sub_(b_).clamp_(min=1e-9).log_().mul_(a_).add_(c_)
        return torch.where(a <= 1 / 12, a.mul_(3).sqrt_(), high)

    return _continued(decode, encode)


def _protune() -> tuple[_Curve, _Curve]:
    """GoPro's, see ``vsdeblur.colour.log``."""
    base = math.log(113)
    return _continued(lambda a: a.mul_(base).expm1_().div_(112), lambda a: a.mul_(112).log1p_().div_(base))


def _log(name: str) -> tuple[_Curve, _Curve]:
    curve = log_curve(name)
    return _continued(curve.decode, curve.encode)


class _Lazy(dict[str, tuple[_Curve, _Curve]]):
    """Curves by name, made on first use (torch is not imported for looking up names)."""

    def __missing__(self, name: str) -> tuple[_Curve, _Curve]:
        make: dict[str, Callable[[], tuple[_Curve, _Curve]]] = {
            "bt709": lambda: _power_with_toe(4.5, 1 / 0.45),
            "srgb": lambda: _power_with_toe(12.92, 2.4),
            "smpte240m": lambda: _power_with_toe(4.0, 1 / 0.45),
            "gamma2.2": lambda: _power(2.2),
            "gamma2.6": lambda: _power(2.6),
            "gamma2.8": lambda: _power(2.8),
            "pq": _pq,
            "hlg": _hlg,
            "protune": _protune,
            **{log: partial(_log, log) for log in _SIGNED},
        }
        gamma = gamma_of(name)
        self[name] = make[name]() if gamma is None else (Response(gamma).decode, Response(gamma).encode)
        return self[name]


_CURVES = _Lazy()
