"""Rolling shutter: what the right readout is worth against ignoring it.

python benchmarks/rolling.py [--clips-dir DIR] [--readout 0.7] [--preset fast]

Generated scenes whose ground moves by 6 px a period along the rows ("across") and along the columns ("down"), and with
--clips-dir the sharp clips of clips.toml, their rows averaged from different sub-frames. Every restored frame is
compared with what a global shutter sees at its instant, the first and the last period left out. "timed" is ignoring it
too, but compared with the instant of the middle row, half a readout later: what is left is the geometry alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from common import machine, mean_psnr, table
from records import SCENES, write_results
from torch import Tensor

from vsdeblur import restore
from vsdeblur.bench import run
from vsdeblur.camera.exposure import Exposure, Quadrature
from vsdeblur.camera.rolling import row_delays
from vsdeblur.synthetic.scene import Scene

FACTOR, PERIODS = 8, 5
FINE = 40  # instants per period that light is summed over; a multiple of FACTOR
HEIGHT, WIDTH = 144, 200  # the ground moves by 3% of the width a period
HERE = Path(__file__).parent


def generated(periods: int) -> Iterator[tuple[str, Tensor]]:
    """(name, the scene at FINE instants per period, (T, 3, H, W))."""
    scene = Scene(HEIGHT, WIDTH)
    light = np.stack([scene.at((k + 0.5) / FINE) for k in range((periods + 1) * FINE)])
    film = torch.from_numpy(light).permute(0, 3, 1, 2).contiguous()
    yield "across", film
    yield "down", film.mT.contiguous()


def filmed(sharp: Tensor, steps: int, shutter: float, readout: float, quadrature: Quadrature) -> Tensor:
    """What a rolling shutter makes of sharp frames, ``steps`` a period and a period more than it exposes: 8 bits."""
    height, frames = sharp.shape[-2], len(sharp) // steps - 1
    delays = row_delays(height, readout)
    exposure = Exposure.build(frames, steps, shutter, delays, quadrature, instants=len(sharp))
    return (exposure(sharp) * 255).round() / 255


def scores(
    sharp: Tensor, steps: int, shutter: float, readout: float, quadrature: Quadrature, preset: str
) -> list[float]:
    """dB of: repeating the input, ignoring the readout, ignoring it but timed for the middle row, the right readout."""
    v = filmed(sharp, steps, shutter, readout, quadrature)
    count, step = len(v) * FACTOR, steps // FACTOR

    def truth(later: float) -> Tensor:
        """The instants (j + 1/2) / FACTOR + later; between two sub-frames their mean."""
        at = (torch.arange(count) + 0.5) * step - 0.5 + later * steps
        low, high = at.floor().long().clamp(max=len(sharp) - 1), at.ceil().long().clamp(max=len(sharp) - 1)
        return (sharp[low] + sharp[high]) / 2

    def restored(told: float) -> Tensor:
        return restore(v, FACTOR, shutter=shutter, preset=preset, quadrature=quadrature, readout=told)

    ignored = restored(0)
    return [
        mean_psnr(v.repeat_interleave(FACTOR, 0), truth(0), FACTOR),
        mean_psnr(ignored, truth(0), FACTOR),
        mean_psnr(ignored, truth(readout / 2), FACTOR),
        mean_psnr(restored(readout), truth(0), FACTOR),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path)
    parser.add_argument("--readout", type=float, default=0.7)
    parser.add_argument("--shutters", type=float, nargs="+", default=[0.5, 1.0])
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--name", default="rolling")
    given = parser.parse_args()
    cases: list[tuple[str, Tensor, int, float, Quadrature]] = [
        (f"{name}, shutter {shutter:g}", film, FINE, shutter, "integral")
        for name, film in generated(PERIODS)
        for shutter in given.shutters
    ]
    if given.clips_dir:
        for name, frames, _ in run.from_files(run.read_list(HERE / "clips.toml", given.clips_dir), FACTOR):
            film = torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 255
            cases += [(f"{name}, 5/8", film, FACTOR, 5 / 8, "taps")]
    rows, values = [], {}
    for name, film, steps, shutter, quadrature in cases:
        found = scores(film, steps, shutter, given.readout, quadrature, given.preset)
        print(name, found, flush=True)
        values[name] = found
        rows.append([name, *(f"{x:.2f}" for x in found), f"{found[3] - found[1]:+.2f}"])
    head = ["PSNR, dB", "repeat", "ignored", "ignored, timed", "right readout", "gain over ignoring"]
    written = {"machine": machine(), "readout": given.readout, "preset": given.preset, "psnr": values}
    write_results(given.name, written, table(head, rows), SCENES)


if __name__ == "__main__":
    main()
