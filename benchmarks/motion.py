"""End-point errors of motion engines, on scenes that are drawn and on real clips whose points are followed.

python benchmarks/motion.py --clips DIR [--photos DIR] [--flows dis blur paths] [--samples 32] [--name motion]

Every sample is three exposures of 192x192; the error is that of the middle one's path at six instants up to a period
before and after, where it is known (``vsdeblur/training/followed.py``). The clips are the ten of the list hard, which
nothing is trained on; of the photographs those that training holds out.
"""

from __future__ import annotations

import argparse
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from common import machine, table
from records import MOTION, write_results

from vsdeblur.flow import find_motion_engine
from vsdeblur.flow.motion import MotionEngine
from vsdeblur.training.blurry import PathScenes
from vsdeblur.training.clips import find_clips
from vsdeblur.training.material import Material
from vsdeblur.training.path_errors import instant_decibels, known_mean, path_error
from vsdeblur.training.photos import find_photos
from vsdeblur.training.pool import Sample
from vsdeblur.window import Window

HERE = Path(__file__).parent


def errors(engine: MotionEngine, samples: Sequence[Sample]) -> tuple[float, float]:
    """Mean end-point error, pixels, and dB of the squared error of the sharp picture moved along the path."""
    lengths, decibels = [], []
    for sample in samples:
        shutter = float(sample["shutter"][0])
        path = engine(Window(sample["blurry"].float() / 255, 0, 0, 3), shutter).path[1:2, :4]
        error = path_error(path, sample["paths"][None].float())
        lengths.append(float(known_mean(error, sample["known"][None])))
        decibels.append(float(instant_decibels(path, sample["sharp"][None])))
    return float(np.mean(lengths)), float(np.mean(decibels))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True, help="folder of the clips of the list hard")
    parser.add_argument("--photos", type=Path, help="folder of the photographs that training takes")
    parser.add_argument("--flows", nargs="+", default=["dis", "blur", "paths"])
    parser.add_argument("--samples", type=int, default=32, help="of each kind")
    parser.add_argument("--name", default="motion")
    given = parser.parse_args()

    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as links:
        entries = tomllib.loads((HERE / "hard.toml").read_text(encoding="utf-8"))["clip"]
        for name in {entry["path"] for entry in entries}:
            (Path(links) / name).symlink_to((given.clips / name).resolve())
        kept, held = find_clips(Path(links), Path(cache))
        materials = {"followed through real clips": Material((), kept + held)}
        if given.photos is not None:
            materials["drawn"] = Material(find_photos(given.photos)[1])
        rows, values = [], {}
        for kind, material in materials.items():
            samples = [PathScenes(material)(np.random.default_rng((7, k))) for k in range(given.samples)]
            found = {flow: errors(find_motion_engine(flow, linear=False), samples) for flow in given.flows}
            first = found[given.flows[0]]
            for flow, (length, decibels) in found.items():
                change = f"{100 * (length / first[0] - 1):+.0f}%"
                rows.append([kind, flow, f"{length:.3f}", change, f"{first[1] - decibels:+.2f}"])
            values[kind] = {flow: {"pixels": pair[0], "decibels": pair[1]} for flow, pair in found.items()}
    heads = ["samples", "flow", "end-point error, px", f"against {given.flows[0]}", "moved picture better by, dB"]
    text = table(heads, rows)
    write_results(given.name, {"machine": machine(), "samples": given.samples, "errors": values}, text, MOTION)


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
