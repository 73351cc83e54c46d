"""The network of unrolled deconvolution, trained on blurry pictures alone: equivariant imaging.

Nobody knows how the pictures look without their blur. Two things are known of a network f that restores y = A x + n:

- Its result, blurred again, is the picture:  A f(y) ~ y.  So that noise is not learned, what is shown has more of it
  and what is wanted has the opposite (R2R, Pang et al., CVPR 2021):  f sees y + a z,  and A f is compared with
  y - (sigma^2 / a) z.  This leaves open what A takes away.
- Sharp pictures stay sharp pictures when they are turned, shifted or made smaller. So a result, so transformed, is a
  picture as good as any: it is blurred by A again, which is exact now, and f has to find it. Made smaller, the blur
  that is left in a result is shorter than that of the data, and a convolution does not commute with it, as it does with
  shifts; so it is scale, above all, that shows f what A takes away.

      x1 = f(y),   x2 = T_g x1 (no gradient),   y2 = A x2 + n,   error of f(y2) against x2

Where A is not known, f is given what is found in y, and for y2 what is found in y2 rather than the A that made it: so
it learns to restore by kernels as wrong as those that are found. Blurred again by such a kernel a result need not be
the picture, so the first error counts less.

References:
    Chen, Tachella, Davies: Equivariant imaging, ICCV 2021; Robust equivariant imaging, CVPR 2022.
    Scanvic, Davies, Abry, Tachella: Self-supervised learning for image super-resolution and deblurring, 2023: scale.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.blind.deconvolve.restoration_net import RestorationNet
from vsdeblur.blind.deconvolve.unrolled import stages
from vsdeblur.blind.estimate.kernel_net import REACH
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur
from vsdeblur.colour.display import from_smooth_display, to_smooth_display
from vsdeblur.training.blurry_pictures import found_kernel
from vsdeblur.training.pool import Sample, stacked
from vsdeblur.training.recipes.restoration import CROP, STEPS, RestorationRecipe, restoration_error

_CONSISTENCY, _FOUND = 0.1, 0.01  # weights of the first error, in units of the noise: of a known blur, of one found
_MORE = 0.7  # a over sigma
_MODEL = 2 / 255  # error of A that counts as noise
_SIDES = (48, 56, 64)  # pixels of a result of CROP that was made smaller
_CLIP = 1.0


class EquivariantRecipe(RestorationRecipe):
    """``Recipe`` of ``RestorationNet`` that never sees a sharp picture.

    Args:
        steps: Of the whole course, which the rate falls along.
        peak: Of the rate.
        kind: Of the blur that is found in pictures as they are, of ``blurry_pictures.KINDS``; samples are those of
            ``BlurryPictures`` then. None for those of ``ShakenPhotos``, whose kernel is known, and of which the sharp
            picture is dropped.
    """

    batch = 8

    def __init__(self, steps: int = STEPS, peak: float | None = None, *, kind: str | None = None) -> None:
        super().__init__(steps, peak)
        self.kind = kind

    def collate(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """v (B, 3, CROP, CROP), kernels (B, n, n), noise (2,) as in ``RestorationRecipe``; seed (1,) of the rest."""
        batch = self._as_they_are(samples, rng) if self.kind else super().collate(samples, rng)
        kept = {key: batch[key] for key in ("v", "kernels", "noise")}
        return kept | {"seed": torch.tensor([int(rng.integers(2**31))])}

    def loss(self, network: nn.Module, batch: Sample, step: int) -> tuple[Tensor, dict[str, float]]:
        """Both errors; "gain" is what the network gains over its own blurred results."""
        assert isinstance(network, RestorationNet)
        rng = np.random.default_rng(int(batch["seed"]))
        half = (len(batch["v"]) + 1) // 2
        again, known, gains = [], [], []
        for linear, part in ((False, slice(0, half)), (True, slice(half, None))):
            v, kernels = batch["v"][part], batch["kernels"][part]
            if not len(v):
                continue
            noise = float(batch["noise"][int(linear)])
            consistency, result = _consistent(network, v, kernels, noise, rng, linear=linear)
            smaller = transformed(result.detach().clamp(0, _CLIP), rng)
            error, gain = self._equivariant(network, smaller, kernels, noise, rng, linear=linear)
            known.append(consistency)
            again.append(error)
            gains.append(gain)
        equivariance, consistency = torch.cat(again).mean(), torch.stack(known).mean()
        total = equivariance + (_CONSISTENCY if self.kind is None else _FOUND) * consistency
        return total, {
            "loss": float(total.detach()),
            "consistency": float(consistency.detach()),
            "gain": float(torch.cat(gains).mean()),
        }

    @torch.no_grad()
    def validate(self, network: nn.Module, samples: Sequence[Sample]) -> dict[str, float]:
        """On held-out pictures: the true gain where it is known, by ``RestorationRecipe``; else both errors."""
        if self.kind is None:
            return RestorationRecipe(self.steps, self.peak).validate(network, samples)
        network.eval()
        device = next(network.parameters()).device
        scores = []
        for k in range(0, len(samples) - 1, 2):
            batch = self.collate(samples[k : k + 2], np.random.default_rng(k))
            scores.append(self.loss(network, {key: x.to(device) for key, x in batch.items()}, 0)[1])
        return {key: float(np.mean([score[key] for score in scores])) for key in scores[0]}

    def _as_they_are(self, samples: Sequence[Sample], rng: np.random.Generator) -> Sample:
        """Crops of pictures; values of the first half are shown as they are, those of the second one are light."""
        half, parts = (len(samples) + 1) // 2, []
        for k, sample in enumerate(samples):
            top, left = (int(rng.integers(n - CROP + 1)) for n in sample["picture"].shape[-2:])
            v = sample["picture"][:, top : top + CROP, left : left + CROP].float()
            parts.append({"v": from_smooth_display(v) if k >= half else v, "kernels": sample["kernel"]})
        noise = [
            float(np.mean([float(s["noise"]) for s in some])) if some else 0.0
            for some in (samples[:half], samples[half:])
        ]
        return stacked(parts) | {"noise": torch.tensor(noise)}

    def _equivariant(
        self,
        network: RestorationNet,
        x: Tensor,
        kernels: Tensor,
        noise: float,
        rng: np.random.Generator,
        *,
        linear: bool,
    ) -> tuple[Tensor, Tensor]:
        """The second error of each picture, and what f gains over y2 in dB. Beyond its border x goes on mirrored."""
        y = _blur(kernels, x)(F.pad(x, (REACH,) * 4, mode="reflect"))
        y = (y + noise * torch.from_numpy(rng.standard_normal(y.shape, np.float32)).to(y)).clamp(0, _CLIP)
        if self.kind is not None:
            shown = (to_smooth_display(y) if linear else y).cpu()
            kernels = torch.stack([found_kernel(picture, self.kind) for picture in shown]).to(y)
        return restoration_error(stages(network, y, _blur(kernels, y), noise, _CLIP, linear), y, x, linear)


def transformed(x: Tensor, rng: np.random.Generator) -> Tensor:
    """x (B, 3, CROP, CROP) made smaller, turned and shifted at random: (B, 3, n, n), n of _SIDES."""
    side = int(rng.choice(_SIDES))
    scale = float(rng.uniform(side / x.shape[-1], 1.0))
    wide = max(round(scale * x.shape[-1]), side)
    small = F.interpolate(x, (wide, wide), mode="bilinear", antialias=True)
    top, left = (int(rng.integers(wide - side + 1)) for _ in range(2))
    small = small[..., top : top + side, left : left + side]
    small = torch.rot90(small, int(rng.integers(4)), (-2, -1))
    return small.flip(-1) if rng.random() < 0.5 else small


def _consistent(
    network: RestorationNet, v: Tensor, kernels: Tensor, noise: float, rng: np.random.Generator, *, linear: bool
) -> tuple[Tensor, Tensor]:
    """The first error, and the result f(y)."""
    more = _MORE * max(noise, 1e-3)
    z = torch.from_numpy(rng.standard_normal(v.shape, np.float32)).to(v)
    found = stages(network, v + more * z, _blur(kernels, v), float(np.hypot(noise, more)), _CLIP, linear)[-1]
    inner = v[..., REACH:-REACH, REACH:-REACH]
    wanted = inner - noise**2 / more * z[..., REACH:-REACH, REACH:-REACH]
    known = (inner.amax(1, keepdim=True) < _CLIP).to(v)  # where the camera clipped there is more light than that
    error = (_blur(kernels, inner)(found) - wanted).square() * known
    return error.mean() / (noise**2 + _MODEL**2), found


def _blur(kernels: Tensor, like: Tensor) -> PixelwiseBlur:
    """One kernel (B, n, n) each of the size of ``like``."""
    return PixelwiseBlur(kernels[:, None], like.new_ones(len(like), 1, *like.shape[-2:]))
