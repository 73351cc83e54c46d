"""Noise of a sensor in blurry frames: what it is worth to know it where a frame is dark and where it is bright.

python benchmarks/noise.py --clips-dir DIR [--presets fast] [--isos 0 800 3200 6400] [--shutters 5 8]

Crops of the development clips, m of every 8 frames averaged in linear light (BT.709), noise of variance
shot * x + read added there, clipped, stored in 8 bits. Rows: no noise known of; one deviation for all of the picture
(the residual is weighed by it, key frames are not); the sensor's own line, without a prior; as shipped, with the prior
that balanced and best have where there is noise. "All" by the protocol, dB; the motion is the same in all rows.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from common import machine, table
from records import RESTORATION, write_results
from torch import Tensor

from vsdeblur.bench.measures.psnr import mean_psnr
from vsdeblur.bench.protocol import load
from vsdeblur.bench.run import read_list
from vsdeblur.camera.noise import NOISELESS, Noise, noise_level, sensor_noise
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.engine import engine
from vsdeblur.settings import Options
from vsdeblur.settings.setting import AUTO
from vsdeblur.solver.data_weights import DataWeights
from vsdeblur.timing import instant
from vsdeblur.window import Window

FACTOR, CURVE, CROP = 8, "bt709", (128, 192)
# Shot and read noise of a phone's small sensor, about as Brooks et al. (CVPR 2019) fitted them.
ISO = {0: NOISELESS, 800: Noise(1e-3, 1e-6), 1600: Noise(2e-3, 4e-6), 3200: Noise(4e-3, 2e-5), 6400: Noise(8e-3, 9e-5)}
KNOWN = ("nothing", "one level", "the sensor's line")
SHIPPED = "as shipped"


def exposed(sharp: Tensor, m: int, noise: Noise) -> Tensor:
    """Stored values (N, 3, H, W) of the sensor's frames."""
    light = to_linear(sharp, CURVE).unflatten(0, (-1, FACTOR))[:, :m].mean(1)
    grain = torch.randn(light.shape, generator=torch.Generator().manual_seed(0))
    return (from_linear((light + grain * noise.variance(light).sqrt()).clamp(0, 1), CURVE) * 255).round() / 255


def restored(v: Tensor, m: int, preset: str) -> list[Tensor]:
    """By what is known of the noise, in the order of KNOWN, and as shipped."""
    options = Options(Fraction(FACTOR), m / FACTOR, CURVE, preset, prior=None, quadrature="taps")
    light = to_linear(v, CURVE)
    window = Window(light, 0, 0, len(v))
    height, width = v.shape[-2:]
    one = engine.Engine(options, height, width, 3)
    motion = one.find_motion(window, options.shutter)
    instants = [instant(j, options.factor, options.shutter, 0.0) for j in range(FACTOR * len(v))]

    def by(some: engine.Engine) -> Tensor:
        return from_linear(torch.stack(list(some.restore(window, instants, motion=motion))), CURVE)

    weigh, out = DataWeights.weight, []
    found: tuple[Callable[[Tensor], Noise], ...] = (
        lambda x: NOISELESS,
        lambda x: Noise(0.0, noise_level(x) ** 2),
        sensor_noise,
    )
    for known, noise in zip(KNOWN, found, strict=True):
        engine.sensor_noise = noise  # type: ignore[assignment]
        DataWeights.weight = weigh if known == KNOWN[2] else lambda self, v: torch.ones_like(v[:, :1])  # type: ignore[method-assign]
        out.append(by(one))
    engine.sensor_noise, DataWeights.weight = sensor_noise, weigh  # type: ignore[method-assign]
    return [*out, by(engine.Engine(replace(options, prior=AUTO), height, width, 3))]


def pictures(x: Tensor) -> np.ndarray:
    return (x.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=6, help="how many of the list")
    parser.add_argument("--presets", nargs="+", default=["fast"])
    parser.add_argument("--isos", nargs="+", type=int, default=[0, 800, 3200, 6400])
    parser.add_argument("--shutters", nargs="+", type=int, default=[5, 8])
    parser.add_argument("--name", default="noise")
    given = parser.parse_args()
    clips = read_list(Path(__file__).parent / "clips.toml", given.clips_dir)
    sharp = {}
    for clip in clips[: given.clips]:
        whole = load(clip, FACTOR)
        top, left = (max(have - want, 0) // 2 for have, want in zip(whole.shape[1:3], CROP, strict=True))
        sharp[clip.name] = whole[:, top : top + CROP[0], left : left + CROP[1]]
    rows, values = [], {}
    for preset in given.presets:
        for m in given.shutters:
            for iso in given.isos:
                scores = []
                for name, frames in sharp.items():
                    v = exposed(torch.from_numpy(frames.transpose(0, 3, 1, 2)).float() / 255, m, ISO[iso])
                    made = [pictures(u) for u in restored(v, m, preset)]
                    scores.append([mean_psnr(u, frames, FACTOR) for u in made])
                    print(preset, m, iso, name, scores[-1], flush=True)
                means = np.mean(scores, axis=0)
                values[f"{preset} {m}/8 iso {iso}"] = dict(zip(sharp, scores, strict=True))
                gains = [
                    f"{means[k] - means[k - 1]:+.2f} ({min(s[k] - s[k - 1] for s in scores):+.2f})" for k in (2, 3)
                ]
                rows.append([f"{preset}, {m}/8, ISO {iso}", *(f"{x:.2f}" for x in means), *gains])
    won = [f"{what} (least of a clip)" for what in ("the line over one level", "as shipped over the line")]
    head = ["PSNR, dB; known of the noise:", *KNOWN, SHIPPED, *won]
    write_results(given.name, {"machine": machine(), "psnr": values}, table(head, rows), RESTORATION)


if __name__ == "__main__":
    main()
