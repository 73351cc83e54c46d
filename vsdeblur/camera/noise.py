"""How noisy the blurry frames are, from themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.at_once import at_once

QUANTISATION = 12**-0.5 / 255  # the standard deviation of rounding to 8 bits
_NORMAL = 0.6745  # the median of |g| for a Gaussian g of deviation 1
_BLOCK = 16  # pixels
_ROWS = 2  # of blocks, measured together
_MOST = 20_000  # blocks that a sensor's noise is measured from
_FEWEST = 8  # blocks that a level can be measured from
_CLIPPED = 0.02  # share of a block, from which on its noise cannot be measured
_CALM, _CALM_LOW = 0.02, 0.86  # the share of blocks with the least noise, and how high that is; measured
_WHITE = 1.2  # times as much between pixels that lie twice as far apart; texture has more
_FEW = 0.01  # of the blocks are white by chance
_LINE, _LINE_LOW = 0.3, 0.93  # the share of white blocks below the sensor's line, and how high the line is; measured
_LEAST, _LEAST_LOW = 0.05, 0.83  # the same for all blocks
_TILTS = tuple((k / 16) ** 2 for k in range(17))
_FLOOR = 1e-12


@dataclass(frozen=True, slots=True)
class Noise:
    """A sensor's: variance = shot * x + read at the light x, the same for all colours, white from pixel to pixel.

    Photons arrive at random and are read at random (Foi, Trimeche, Katkovnik and Egiazarian 2008).
    """

    shot: float
    read: float

    def variance(self, light: Tensor) -> Tensor:
        """At every value of ``light``, any shape."""
        return light.clamp(min=0).mul_(self.shot).add_(self.read)


NOISELESS = Noise(0.0, 0.0)


def noise_level(v: Tensor) -> float:
    """The standard deviation of white noise, one number for all of v, never below that of rounding to 8 bits.

    A high-pass that cancels planes and straight edges,  h = [1 -2 1]' [1 -2 1] / 6;  the median of |h * v| over each
    16 x 16 block is 0.6745 sigma for Gaussian noise; of those the level of the calmest fiftieth, where there is least
    texture to mistake for noise. Blocks that clip, black bars too, are left out as long as there are others.

    Args:
        v: (N, C, H, W).

    References:
        Immerkaer: Fast noise variance estimation, CVIU 1996.
    """
    if min(v.shape[-2:]) < 16:
        return QUANTISATION
    calm, _, whole, _ = _blocks(v)
    level = (calm[whole] if int(whole.sum()) >= _FEWEST else calm).quantile(_CALM)
    # The second percentile of medians of |g| lies 14% lower than the median of all.
    return max(float(level) / (_CALM_LOW * _NORMAL), QUANTISATION)


def sensor_noise(light: Tensor) -> Noise:
    """The line  variance = shot * x + read  of frames; NOISELESS where too few blocks are white.

    Blocks as in ``noise_level``, each with its mean x. White noise has equal differences between pixels that lie twice
    as far apart; texture has larger ones, so such blocks are left out, and ones that clip. The line is that below which
    a third of the rest lies: quantile regression of logarithms, since variances scatter in proportion. Texture only
    adds to noise: no line is higher than all but a few blocks of any kind.

    Args:
        light: (n, C, H, W), C colours.

    References:
        Foi, Trimeche, Katkovnik, Egiazarian: Practical Poissonian-Gaussian noise modeling and fitting for single-image
        raw-data, IEEE TIP 2008, equation 3. Koenker, Bassett: Regression quantiles, Econometrica 1978.
    """
    if min(light.shape[-2:]) < _BLOCK + 4:
        return NOISELESS
    calm, mean, whole, spread = _blocks(light, _MOST)
    calm, mean, spread = calm[whole], mean[whole].clamp(min=0), spread[whole]
    white = spread < _WHITE * calm
    if int(white.sum()) < max(_FEWEST, _FEW * len(calm)):
        return NOISELESS
    found = 2 * (calm / _NORMAL).clamp(min=_FLOOR).log()
    typical = float(mean[white].mean()) + _FLOOR
    lines = []
    for tilt in _TILTS:  # from shot noise alone to read noise alone
        rest = found - (mean * ((1 - tilt) / typical) + tilt).clamp(min=1e-3).log()
        level = rest[white].quantile(_LINE)  # minimises the loss for this tilt
        off = rest[white] - level
        loss = float(torch.maximum(_LINE * off, (_LINE - 1) * off).mean())
        calmest = float(rest.quantile(_LEAST)) - 2 * math.log(_LEAST_LOW)
        lines.append((loss, tilt, min(float(level) - 2 * math.log(_LINE_LOW), calmest)))
    _, tilt, log = min(lines)
    return Noise(math.exp(log) * (1 - tilt) / typical, math.exp(log) * tilt)


def _blocks(v: Tensor, most: int | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of blocks of v (N, C, H, W): median of the high-pass's magnitude; mean; whether (nearly) nothing clips; and the
    median of the high-pass of every other pixel.

    most: how many blocks to measure, spread over v; all when None, and then the last median is the first again.
    """
    mask = torch.tensor([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]], dtype=v.dtype, device=v.device) / 6
    border = 1 if most is None else 2
    size = min(_BLOCK, min(v.shape[-2:]) - 2 * border)
    low, high = v.aminmax()  # where values clip they are all the same

    def median(part: Tensor, apart: int) -> Tensor:
        part = part[
            :, None, border - apart : part.shape[-2] + apart - border, border - apart : part.shape[-1] + apart - border
        ]
        differences = F.conv2d(part, mask[None, None], dilation=apart).abs()
        return F.unfold(differences, size, stride=size).median(dim=1).values.flatten()

    def statistics(part: Tensor) -> Tensor:
        inner = part[:, None, border:-border, border:-border]
        extreme = F.avg_pool2d(((inner <= low) | (inner >= high)).to(v), size)
        near = median(part, 1)
        far = near if most is None else median(part, 2)
        return torch.stack((near, F.avg_pool2d(inner, size).flatten(), extreme.flatten(), far))

    # By bands of whole blocks: the temporaries, ten times what they are made from, stay small.
    tops = range(0, v.shape[-2] - 2 * border - size + 1, _ROWS * size)
    bands = [(n, y) for n in range(len(v)) for y in tops]
    if most is not None:
        bands = bands[:: max(1, len(bands) * v.shape[1] * _ROWS * (v.shape[-1] // size) // most)]
    parts = [v[n, :, y : y + _ROWS * size + 2 * border] for n, y in bands]
    workers = torch.get_num_threads() if v.device.type == "cpu" else 1
    calm, mean, extreme, far = torch.cat(list(at_once(statistics, parts, workers)), 1)
    return calm, mean, extreme <= _CLIPPED, far
