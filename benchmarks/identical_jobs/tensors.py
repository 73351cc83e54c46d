"""``vsdeblur.restore``: presets, factors, solvers, priors, cuts, repeats, tiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from identical_jobs import Parts, job
from identical_jobs.scenes import Array, film, integers, stored


def eight_bits(video: Array) -> Array:
    return integers(video, 8).astype(np.float32) / 255


def restored(video: Array, factor: Any, **options: Any) -> Parts:
    """Every frame that ``restore`` gives, of a tensor."""
    import torch

    from vsdeblur import restore

    for n, frame in enumerate(restore(torch.from_numpy(video), factor, **options)):
        yield f"frame {n}", frame.numpy()


@job("tensors/fast-1", quick=True, preset="fast", factor=1)
@job("tensors/fast-2", preset="fast", factor=2)
@job("tensors/fast-5:2", preset="fast", factor="5/2")
@job("tensors/fast-8", preset="fast", factor=8)
@job("tensors/balanced-1", preset="balanced", factor=1)
@job("tensors/balanced-2", quick=True, preset="balanced", factor=2)
@job("tensors/balanced-5:2", preset="balanced", factor="5/2")
@job("tensors/balanced-8", preset="balanced", factor=8)
@job("tensors/best-1", preset="best", factor=1)
@job("tensors/best-2", quick=True, preset="best", factor=2)
@job("tensors/best-5:2", preset="best", factor="5/2")
@job("tensors/best-8", preset="best", factor=8)
def presets(preset: str, factor: Any) -> Parts:
    frames, size = (3, (96, 72)) if factor == 8 else (4, (128, 96))
    video = eight_bits(stored(film(frames, size)))
    yield from restored(video, factor, shutter=0.5, transfer="srgb", preset=preset)


@job("tensors/taps", quadrature="taps")
@job("tensors/integral", quadrature="integral")
@job("tensors/dis-keyframes", quick=True, flow="dis", solver="keyframes")
@job("tensors/dis-unrolled", flow="dis", solver="unrolled", preset="fast")
@job("tensors/out-shutter", out_shutter=0.5)
@job("tensors/tv", prior="tv")
@job("tensors/video", prior="video")
def options(**options: Any) -> Parts:
    video = eight_bits(film(4, shutter=0.625, noise=0.02))
    yield from restored(video, 4, shutter=0.625, **options)


@job("tensors/prior-callable")
def prior_callable() -> Parts:
    def shrunk(u: Any, sigma: Any) -> Any:
        return u + 0.2 * (u.mean((-1, -2), keepdim=True) - u)

    yield from restored(eight_bits(film(4, noise=0.02)), 2, shutter=0.5, prior=shrunk)


@job("tensors/flow-callable")
def flow_callable() -> Parts:
    def motion(a: Any, b: Any) -> Any:
        flow = a.new_zeros(2, *a.shape[-2:])
        flow[0], flow[1] = -5.0, -2.0
        return flow

    yield from restored(eight_bits(film(4)), 2, shutter=0.5, flow=motion)


def true_motion(frames: int, size: tuple[int, int], factor: int) -> Any:
    """The ground's motion between the sub-frames of ``film`` at its own speed."""
    import torch

    flow = torch.zeros(frames * factor - 1, 2, size[1], size[0])
    flow[:, 0], flow[:, 1] = -5.0 / factor, -2.0 / factor
    return flow


@job("tensors/asap", solver="asap")
@job("tensors/asap-flow", solver="asap", given=True)
@job("tensors/flow-tensor", quick=True, given=True)
@job("tensors/flow-tensor-tv", given=True, prior="tv")
@job("tensors/recorded", preset="fast")
def energies(given: bool = False, **options: Any) -> Parts:
    """And the energies that the solver records on its way."""
    recorded: list[float] = []
    record: Callable[[float], None] = recorded.append
    more = {"flow": true_motion(2, (64, 48), 2)} if given else {}
    yield from restored(eight_bits(film(2, (64, 48))), 2, shutter=0.5, record=record, **options, **more)
    yield "energies", np.array(recorded)


@job("tensors/readout", readout=0.5)
@job("tensors/readout-best", readout=0.3, preset="best")
def rolling(**options: Any) -> Parts:
    video = eight_bits(film(4, sway=4, readout=options["readout"]))
    yield from restored(video, 2, shutter=0.5, **options)


@job("tensors/clipped", preset="balanced")
@job("tensors/clipped-best", preset="best")
def clipped_lights(preset: str) -> Parts:
    yield from restored(film(4, lamp=30, speed=4), 2, shutter=0.5, preset=preset)


@job("tensors/beyond-white", transfer="linear")
@job("tensors/pq", transfer="pq")
@job("tensors/bt709", transfer="bt709")
def hdr(transfer: str) -> Parts:
    video = film(3, light=0.6) if transfer != "linear" else 4 * film(3, light=0.8)
    yield from restored(video, 2, shutter=0.5, transfer=transfer)


REPEATED = (0, 0, 1, 2, 2, 2, 3, 4, 4, 5)


@job("tensors/repeats", quick=True, duplicates=True, preset="fast")
@job("tensors/repeats-kept", duplicates=False, preset="fast")
@job("tensors/repeats-time", duplicates=True, preset="fast", readout=0.2)
def repeats(**options: Any) -> Parts:
    yield from restored(eight_bits(film(6))[list(REPEATED)], 2, shutter=0.5, **options)


@job("tensors/cuts", scene_cuts=True)
@job("tensors/cuts-given", scene_cuts=[2, 5])
@job("tensors/cuts-none", scene_cuts=False)
def cuts(**options: Any) -> Parts:
    yield from restored(eight_bits(film(8, cuts=(3, 6))), 2, shutter=0.5, preset="fast", **options)


@job("tensors/grey")
def grey() -> Parts:
    yield from restored(eight_bits(film(4, channels=1)), 2, shutter=0.5)


@job("tensors/array-float64")
def array() -> Parts:
    from vsdeblur import restore

    for n, frame in enumerate(restore(film(3, (61, 47)).astype(np.float64), 2, shutter=0.5, preset="fast")):
        yield f"frame {n}", frame
