"""Large erratic camera shake: how much of what the true motion is worth is found without it.

python benchmarks/shake.py [--clips-dir DIR]

Sharp frames are shifted and turned along a random path (about 20 px a period at 256 px of width, smooth within an
exposure) and cropped. Rows: the flow alone, the camera's path first (the engine as it is), and OpenCV DIS between the
true sharp sub-frames handed in. Without clips, the generated scene of the demo is shaken.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from common import machine, table
from records import SCENES, write_results
from true_motion import FACTOR

from vsdeblur import restore
from vsdeblur.bench import protocol, run
from vsdeblur.bench.measures.psnr import mean_psnr
from vsdeblur.bench.truth import true_flow
from vsdeblur.camera.path import splines
from vsdeblur.flow.dis import DisFlow
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.synthetic.scene import Scene

HERE = Path(__file__).parent
CLIPS = ("gopro-max-heromode", "gopro-karma", "drive-1080p", "gym-60fps")
SOURCE, WIDTH, MARGIN, HEIGHT = 400, 256, 36, 192
SHIFT, TURN = 10.0, 0.012  # standard deviation of the knots, one a period: pixels along each axis, radians
ROWS = ("flow alone", "camera first", "true flow")


def shaken(still: protocol.Frames, seed: int) -> protocol.Frames:
    """(T, H, W, 3) seen by a camera that shakes: (T, min(H - 2 MARGIN, HEIGHT) to 32, WIDTH, 3)."""
    rng = np.random.default_rng(seed)
    count = len(still) // FACTOR + 3
    knots = np.concatenate([rng.normal(0, SHIFT, (count, 2)).clip(-28, 28), rng.normal(0, TURN, (count, 1))], 1)
    times = torch.arange(len(still)).double() / FACTOR + rng.random()
    path = _through(knots, times)
    height = min((still.shape[1] - 2 * MARGIN) // 32 * 32, HEIGHT)
    middle = (np.array(still.shape[2:0:-1]) - 1) / 2
    corner = (np.array([WIDTH, height]) - 1) / 2
    out = []
    for frame, (x, y, angle) in zip(still, path, strict=True):
        c, s = np.cos(angle), np.sin(angle)
        turn = np.array([[c, -s], [s, c]])
        matrix = np.concatenate([turn, (middle - turn @ corner + [x, y])[:, None]], 1)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        out.append(cv2.warpAffine(frame, matrix, (WIDTH, height), flags=flags, borderMode=cv2.BORDER_REFLECT))
    return np.stack(out)


def _through(knots: np.ndarray, times: torch.Tensor) -> np.ndarray:
    """The cubic spline that meets knot k at time k."""
    count = len(knots)
    meets = splines(torch.arange(count).double(), count, 0.0, 1.0)
    found: torch.Tensor = splines(times, count, 0.0, 1.0) @ torch.linalg.solve(meets, torch.from_numpy(knots))
    return found.numpy()


def clips(directory: Path | None, seeds: list[int]) -> Iterator[tuple[str, protocol.Frames]]:
    """Named sharp frames of shaken clips."""
    if directory is None:
        scene = Scene(HEIGHT + 2 * MARGIN, SOURCE)
        frames = np.stack([scene.at((j + 0.5) / FACTOR) for j in range(protocol.PERIODS * FACTOR)])
        named = [("generated scene", protocol.to_8bit(frames))]
    else:
        listed = [clip for clip in run.read_list(HERE / "clips.toml", directory) if clip.path.stem in CLIPS]
        wide = [protocol.Clip(clip.path, SOURCE, clip.start) for clip in listed]
        named = [(clip.path.stem, protocol.load(clip, FACTOR)) for clip in wide]
    for name, still in named:
        for seed in seeds:
            yield f"{name}, {seed}", shaken(still, seed)


def gain(sharp: protocol.Frames, m: int, row: str) -> float:
    """dB of "all" over repeating the blurry frame."""
    blurry = protocol.blur(sharp, FACTOR, m)
    v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    flow = {
        "flow alone": PairwiseMotion(DisFlow(), linear=False, camera=False),
        "camera first": None,
        "true flow": true_flow(sharp),
    }[row]
    u = restore(v, FACTOR, shutter=m / FACTOR, quadrature="taps", flow=flow)
    shown = (protocol.to_8bit(u.permute(0, 2, 3, 1).numpy()), np.repeat(blurry, FACTOR, axis=0))
    restored, repeated = (mean_psnr(frames, sharp, FACTOR) for frames in shown)
    return restored - repeated


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--clips-dir", type=Path, default=None, help="the clips of clips.toml; the generated scene if not"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--exposures", type=int, nargs="+", default=[8, 5])
    parser.add_argument("--name", default="shake", help="of the result files")
    given = parser.parse_args()
    values, lines = {}, []
    for m in given.exposures:
        for name, sharp in clips(given.clips_dir, given.seeds):
            gains = [gain(sharp, m, row) for row in ROWS]
            values[f"{m}/{FACTOR} {name}"] = dict(zip(ROWS, gains, strict=True))
            lines.append([f"{m}/{FACTOR}, {name}", *(f"{g:+.2f}" for g in gains), _won(gains)])
            print(*lines[-1], flush=True)
        means = np.mean([list(v.values()) for k, v in values.items() if k.startswith(f"{m}/")], axis=0).tolist()
        lines.append([f"**{m}/{FACTOR}, mean**", *(f"**{g:+.2f}**" for g in means), f"**{_won(means)}**"])
    head = ['gain of "all" over repeating, dB', *ROWS, "of the distance won"]
    write_results(given.name, {"machine": machine(), "gains": values}, table(head, lines), SCENES)


def _won(gains: list[float]) -> str:
    alone, first, true = gains
    return f"{(first - alone) / (true - alone):.0%}"


if __name__ == "__main__":
    main()
