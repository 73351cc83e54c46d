"""The forms of the problem side by side: E1, E2 on all sub-frames, E2 on key frames, and the one after the other.

python benchmarks/forms.py --clips-dir DIR [--preset fast]

All see the blurry frames only. E1 is ADMM with total variation in space and time, from the linear blend of the frames.
E2 on all sub-frames takes OpenCV DIS between blurry frames, in equal parts for the sub-frames of a period. "key frames,
then all" starts the latter from the engine's result, with the flow of that result, for a few steps.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from common import machine, table
from records import WITH_PRIORS, write_results
from torch import Tensor

from vsdeblur import restore
from vsdeblur.bench import protocol, rows, run
from vsdeblur.bench.measures.psnr import mean_psnr
from vsdeblur.camera.exposure import Exposure
from vsdeblur.flow.dis import DisFlow
from vsdeblur.priors.tv import TotalVariation
from vsdeblur.settings import PRESETS
from vsdeblur.solver.admm import solve_e1
from vsdeblur.solver.subframes import SubFrameSettings, solve_with_flow

FACTOR = 8
HERE = Path(__file__).parent
SIGMA = 2 / 255  # the noise that total variation is told in E1
E1_STEPS = 5  # of ADMM; each takes a minute and more of processor time for 40 frames of 416 x 224
Form = Callable[[protocol.Frames, int, str], protocol.Frames]


def e1(blurry: protocol.Frames, m: int, preset: str) -> protocol.Frames:
    start = as_tensor(rows.blend(blurry, FACTOR, m))
    v, prior = as_tensor(blurry), TotalVariation()
    return as_frames(solve_e1(v, exposure(blurry, m), prior, start, data_weight=10.0, sigma=SIGMA, steps=E1_STEPS).u)


def all_subframes(blurry: protocol.Frames, m: int, preset: str) -> protocol.Frames:
    forward, backward = flows(as_tensor(blurry))
    # u_k -> u_{k+1} for all k of a period from the flow to the next frame; the last period keeps what it has.
    spread = [torch.cat((f, f[-1:])).repeat_interleave(FACTOR, 0)[:-1] / FACTOR for f in (forward, backward)]
    return as_frames(solve_with_flow(as_tensor(blurry), spread[0], exposure(blurry, m), backward=spread[1]).u)


def key_frames(blurry: protocol.Frames, m: int, preset: str) -> protocol.Frames:
    return as_frames(by_engine(blurry, m, preset))


def key_frames_then_all(blurry: protocol.Frames, m: int, preset: str) -> protocol.Frames:
    start = by_engine(blurry, m, preset)
    forward, backward = flows(start)
    settings = SubFrameSettings(rounds=1, steps=3)
    v = as_tensor(blurry)
    return as_frames(
        solve_with_flow(v, forward, exposure(blurry, m), backward=backward, start=start, settings=settings).u
    )


FORMS: dict[str, Form] = {
    "E1, TV": e1,
    "E2, all sub-frames": all_subframes,
    "E2, key frames": key_frames,
    "E2, key frames, then all": key_frames_then_all,
}


def by_engine(blurry: protocol.Frames, m: int, preset: str) -> Tensor:
    v, shutter = as_tensor(blurry), m / FACTOR
    return restore(v, FACTOR, shutter=shutter, quadrature="taps", preset=preset, solver="keyframes")


def flows(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Forward u_k -> u_{k+1} and backward u_{k+1} -> u_k, (T - 1, 2, H, W) pixels each."""
    dis = DisFlow()
    return (
        torch.stack([dis(a, b) for a, b in pairwise(frames)]),
        torch.stack([dis(b, a) for a, b in pairwise(frames)]),
    )


def exposure(blurry: protocol.Frames, m: int) -> Exposure:
    return Exposure.build(len(blurry), FACTOR, m / FACTOR, quadrature="taps")


def as_tensor(frames: protocol.Frames) -> Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255


def as_frames(u: Tensor) -> protocol.Frames:
    return protocol.to_8bit(u.permute(0, 2, 3, 1).numpy())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path, required=True)
    parser.add_argument("--exposures", type=int, nargs="+", default=[8, 5])
    parser.add_argument("--preset", choices=PRESETS, default="fast")
    parser.add_argument("--name", default="forms")
    given = parser.parse_args()
    clips = list(run.from_files(run.read_list(HERE / "clips.toml", given.clips_dir), FACTOR))
    lines, values = [], {}
    for m in given.exposures:
        for name, form in FORMS.items():
            gains, began = [], time.process_time()
            for _, sharp, _ in clips:
                blurry = protocol.blur(sharp, FACTOR, m)
                with torch.inference_mode():
                    restored = form(blurry, m, given.preset)
                repeated = np.repeat(blurry, FACTOR, axis=0)
                scores = [mean_psnr(x, sharp, FACTOR) for x in (restored, repeated)]
                gains.append(scores[0] - scores[1])
            seconds = time.process_time() - began
            print(m, name, np.round(gains, 2), f"{seconds:.0f} s", flush=True)
            values[f"{m}/8 {name}"] = {"gains": gains, "cpu_seconds": seconds}
            cells = (f"{g:+.2f}" for g in gains)
            lines.append([f"{m}/8 {name}", *cells, f"{np.mean(gains):+.2f}", f"{seconds:.0f}"])
    head = ['gain of "all" over repeating, dB', *(clip.name for clip in clips), "mean", "CPU s"]
    write_results(
        given.name, {"machine": machine(), "preset": given.preset, "rows": values}, table(head, lines), WITH_PRIORS
    )


if __name__ == "__main__":
    main()
