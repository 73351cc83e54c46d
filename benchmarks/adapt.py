"""Adapting to a clip: sharp clips are blurred by averaging, adapted to, and restored by new and by bundled weights.

python benchmarks/adapt.py --clips CLIP [CLIP ...] [--minutes 4] [--factor 4] [--periods 24] [--width 320] [--seed 0]

Every frame of the blurry clip is the mean of ``factor`` sharp ones. ``adapt`` sees the blurry clip alone; the truth is
used for scoring. Gains are of PSNR over all restored frames but the first and last period, new weights over bundled
ones, with preset "balanced"; "agreement" is what the choice to keep them was made by. Choices are right where new
weights were kept and gained, or were not kept and would have gained no more than 0.02 dB.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import av
import numpy as np
import torch
from common import machine, psnr, table
from records import RESTORATION, write_results

from vsdeblur import restore
from vsdeblur.bench import protocol
from vsdeblur.filters.pyav.file.read import count_frames
from vsdeblur.training.adapt.run import adapt

SAME = 0.02  # dB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, nargs="+", required=True)
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--factor", type=int, default=4)
    parser.add_argument("--periods", type=int, default=24, help="blurry frames, at most")
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    lines, values = [], {}
    for path in given.clips:
        periods = min(count_frames(path) // given.factor, given.periods)
        sharp = protocol.load(protocol.Clip(path, given.width, 0, periods), given.factor)
        blurry = protocol.blur(sharp, given.factor, given.factor)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write(blurry, folder / "blurry.mkv")
            found = adapt(
                [folder / "blurry.mkv"],
                folder / "out",
                given.minutes,
                shutter=1.0,
                transfer="linear",
                seed=given.seed,
            )
            run = folder / "out" / "run" / "unrolled.safetensors"  # whether they were kept or not
            bundled, new = (quality(blurry, sharp, given.factor, solver) for solver in (None, f"unrolled:{run}"))
        gain = new - bundled
        right = gain > 0 if found.kept else gain <= SAME
        row = {"bundled": bundled, "new": new, "agreement": list(found.gains), "kept": found.kept, "right": right}
        values[path.stem] = row | {"steps": found.steps, "parts": found.parts, "seconds": found.seconds}
        agreement = f"{np.mean(found.gains):+.3f}"
        choice = ("kept" if found.kept else "bundled") + ("" if right else ", wrong")
        lines.append([path.stem, f"{bundled:.2f}", f"{gain:+.3f}", agreement, choice, f"{found.steps}"])
        print(lines[-1], flush=True)
    head = ["clip", "bundled, dB", "gain of new weights, dB", "agreement, dB", "choice", "steps"]
    text = f"{given.minutes:g} minutes each, {given.factor}/{given.factor}, {given.width} pixels wide\n\n"
    measures = (*RESTORATION, "vsdeblur/training/adapt")
    write_results("adapt", {"machine": machine(), "clips": values}, text + table(head, lines), measures)


def quality(blurry: protocol.Frames, sharp: protocol.Frames, factor: int, solver: str | None) -> float:
    v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    u = restore(v, factor, quadrature="taps", preset="balanced", solver=solver)
    inner = slice(factor, -factor)
    truth = torch.from_numpy(sharp[inner]).permute(0, 3, 1, 2).float() / 255
    return psnr(u[inner].clamp(0, 1), truth)


def write(frames: protocol.Frames, path: Path) -> None:
    """Without loss."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=30)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "bgr0"
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        output.mux(stream.encode(None))


if __name__ == "__main__":
    main()
