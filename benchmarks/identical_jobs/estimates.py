"""What is found of the camera: shutter, readout, response, by itself and on the way of a restoration."""

from __future__ import annotations

from typing import Any

from identical_jobs import Parts, job
from identical_jobs.scenes import Array, film, stored
from identical_jobs.tensors import eight_bits, restored
from identical_jobs.vs_clips import clip_of, pictures


def handheld() -> Array:
    """A camera that shakes, by rows."""
    return eight_bits(film(12, (160, 96), speed=2, sway=6, readout=0.5, shutter=0.4))


def panned() -> Array:
    """Fast enough for its blur to be measured, stored by a curve."""
    return eight_bits(stored(film(8, (192, 128), speed=8, shutter=0.9)))


@job("estimates/tensor", quick=True)
def of_tensor() -> Parts:
    import torch

    import vsdeblur

    yield "shutter", repr(tuple(vsdeblur.estimate_shutter(torch.from_numpy(panned()))))
    yield "shutter srgb", repr(tuple(vsdeblur.estimate_shutter(torch.from_numpy(panned()), transfer="srgb")))
    yield "readout", repr(tuple(vsdeblur.estimate_readout(torch.from_numpy(handheld()))))
    yield "response", repr(tuple(vsdeblur.estimate_response(torch.from_numpy(panned()))))


@job("estimates/vapoursynth")
def of_clip() -> Parts:
    import vsdeblur

    moving = clip_of("YUV420P8", pictures("YUV420P8", film(8, (192, 128), speed=8, shutter=0.9)))
    shaken = clip_of("YUV420P8", pictures("YUV420P8", handheld()))
    yield "shutter", repr(tuple(vsdeblur.estimate_shutter(moving)))
    yield "readout", repr(tuple(vsdeblur.estimate_readout(shaken)))
    yield "response", repr(tuple(vsdeblur.estimate_response(moving)))


@job("estimates/restore-shutter", shutter="auto")
@job("estimates/restore-fit", shutter=0.9, transfer="fit")
def of_a_pan(**options: Any) -> Parts:
    yield from restored(panned(), 1, preset="fast", **options)


@job("estimates/restore-readout", readout="auto", shutter=0.4)
@job("estimates/restore-both", readout="auto", shutter="auto")
def of_a_hand(**options: Any) -> Parts:
    yield from restored(handheld(), 1, preset="fast", **options)
