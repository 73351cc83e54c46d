"""``restore_frame``: estimators, deconvolvers, and the blur that is handed back."""

from __future__ import annotations

from typing import Any

import numpy as np

from identical_jobs import Parts, job
from identical_jobs.scenes import film, integers, shaken, stored


@job("stills/path", quick=True, size=(64, 56))
@job("stills/uniform", estimator="uniform")
@job("stills/network", estimator="network")
@job("stills/richardson-lucy", estimator="uniform", deconvolver="richardson-lucy")
@job("stills/unrolled", estimator="uniform", deconvolver="unrolled")
@job("stills/video-prior", estimator="uniform", prior="video")
@job("stills/noise", estimator="uniform", noise=0.01)
@job("stills/linear", estimator="uniform", transfer="linear")
@job("stills/grey", size=(64, 56), channels=1)
@job("stills/large", estimator="uniform", size=(400, 300))
def shaken_picture(size: tuple[int, int] = (128, 96), channels: int = 3, **options: Any) -> Parts:
    picture = shaken(size, channels=channels) + 0.005 * np.random.default_rng(3).standard_normal((1, *size[::-1]))
    yield from found(integers(stored(np.clip(picture, 0, 1)), 8).astype(np.float32) / 255, **options)


@job("stills/sharp")
def sharp_picture() -> Parts:
    yield from found(stored(film(1, (64, 56), shutter=0.01)[0]))


def found(picture: np.ndarray[Any, Any], **options: Any) -> Parts:
    """The sharp picture, and the blur's kernels at nine places."""
    import torch

    from vsdeblur.blind import restore_frame

    chosen: dict[str, Any] = {"transfer": "srgb"} | options
    sharp, blur = restore_frame(torch.from_numpy(picture), **chosen)
    height, width = picture.shape[-2:]
    points = [[x, y] for y in (0, height // 2, height - 1) for x in (0, width // 2, width - 1)]
    yield "sharp", sharp.numpy()
    yield "kernels", blur.kernels(torch.tensor(points)).numpy()
