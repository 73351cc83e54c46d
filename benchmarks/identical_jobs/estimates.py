"""What is found of the camera: shutter, readout, response, by itself and on the way of a restoration."""

from __future__ import annotations

from typing import Any

from identical_jobs import Parts, job
from identical_jobs.scenes import film, integers, stored
from identical_jobs.tensors import eight_bits, restored
from identical_jobs.vs_clips import clip_of, pictures


@job("estimates/tensor", quick=True)
def of_tensor() -> Parts:
    import torch

    import vsdeblur

    panned = torch.from_numpy(eight_bits(film(6, speed=8, shutter=0.75)))
    shaken = torch.from_numpy(eight_bits(film(9, (160, 96), sway=5, readout=0.5)))
    yield "shutter", repr(vsdeblur.estimate_shutter(panned))
    yield "shutter srgb", repr(vsdeblur.estimate_shutter(panned, transfer="srgb"))
    yield "readout", repr(vsdeblur.estimate_readout(shaken))
    yield "response", repr(vsdeblur.estimate_response(panned))


@job("estimates/vapoursynth")
def of_clip() -> Parts:
    import vsdeblur

    clip = clip_of("YUV420P8", pictures("YUV420P8", film(9, (160, 96), speed=7, sway=4, readout=0.4, shutter=0.8)))
    yield "shutter", repr(vsdeblur.estimate_shutter(clip))
    yield "readout", repr(vsdeblur.estimate_readout(clip))
    yield "response", repr(vsdeblur.estimate_response(clip))


@job("estimates/restore-auto", shutter="auto", readout="auto")
@job("estimates/restore-auto-shutter", shutter="auto")
@job("estimates/restore-fit", shutter=0.8, transfer="fit")
def on_the_way(**options: Any) -> Parts:
    video = integers(stored(film(7, (160, 96), speed=8, sway=5, readout=0.4, shutter=0.8)), 8).astype("f4") / 255
    yield from restored(video, 2, preset="fast", **options)
