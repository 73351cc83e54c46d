"""How much of what motion lacks is its exactness, how much the form of a path within a period?

python benchmarks/path_forms.py --clips-dir DIR [--list hard] [--exposure 5] [--name path_forms-hard]

`balanced`, along the paths that it finds, with and without their bend, and along true ones: the parabola through both
neighbours, and the least-squares cubic through all sub-frames up to a period away. What stands for the truth is
OpenCV's DIS at its finest scale, step by step through the sharp sub-frames. The last row has another form of the
solver, on all sub-frames, with the flow between them.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt
import torch
from common import clip_list, machine, table
from records import RESTORATION, write_results
from torch import Tensor

from vsdeblur import restore
from vsdeblur.bench import protocol, run
from vsdeblur.bench.judge import Judge
from vsdeblur.bench.truth import TRUE_MOTION, true_motion
from vsdeblur.flow import find_motion_engine
from vsdeblur.flow.motion import Motion, MotionEngine, displacement, through
from vsdeblur.flow.occlusion import link
from vsdeblur.tensors import box
from vsdeblur.training.oversample import moved
from vsdeblur.window import Window

FACTOR = 8
FOUND, PARABOLA, TRUE_PARABOLA, TRUE_CUBIC = "found", "found, no bend", "true, parabola", "true, cubic"
_PATCH = 5  # points around, as in the engines


@dataclass
class TrueMotion:
    """A ``MotionEngine`` that knows the sharp sub-frames.

    sharp: (T, H, W, 3), FACTOR of them a period. exposed: of these, from the first on; an odd number. cubic: the
    least-squares cubic through all sub-frames up to a period away, else the parabola through both neighbours.
    """

    sharp: protocol.Frames
    exposed: int
    cubic: bool
    is_motion_engine: ClassVar[bool] = True
    _ways: dict[int, dict[int, npt.NDArray[np.float32]]] = field(default_factory=dict)

    def __call__(self, window: Window, shutter: float) -> Motion:
        count, shown = len(window.frames), window.frames[:, : window.colour].clamp(0, 1)
        path = torch.stack([self._path(window.start + n) for n in range(count)])
        reliability, occlusion = path.new_zeros(count, 1, *path.shape[-2:]), path.new_zeros(count, 2, *path.shape[-2:])
        for n in range(count - 1):
            ways = displacement(path[n : n + 1], 1.0)[0], displacement(path[n + 1 : n + 2], -1.0)[0]
            onward, back = link(shown[n], shown[n + 1], *ways)
            occlusion[n, 0], occlusion[n + 1, 1] = onward[0], back[0]
            reliability[n, 0] = torch.maximum(reliability[n, 0], onward[1])
            reliability[n + 1, 0] = torch.maximum(reliability[n + 1, 0], back[1])
        return Motion(path, box(reliability, _PATCH), occlusion)

    def _path(self, n: int) -> Tensor:
        """(4 or 6, H, W), of frame n of the clip."""
        ways = {step: torch.from_numpy(way).permute(2, 0, 1) for step, way in self._followed(n).items()}
        onward, back = ways.get(FACTOR), ways.get(-FACTOR)
        even = through(onward, back)
        if not self.cubic:
            return even
        if onward is None or back is None:
            return torch.cat((even, torch.zeros_like(even[:2])))
        taus = np.array(list(ways)) / FACTOR
        solve = torch.from_numpy(np.linalg.pinv(np.stack((taus, taus**2 / 2, taus**3 / 6), 1))).float()
        return torch.einsum("ck,kdhw->cdhw", solve, torch.stack(list(ways.values()))).flatten(0, 1)

    def _followed(self, n: int) -> dict[int, npt.NDArray[np.float32]]:
        """Where points of the middle of exposure n are so many sub-frames later, (H, W, 2) pixels."""
        if n not in self._ways:
            dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
            dis.setFinestScale(0)
            grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in self.sharp]
            middle, still = FACTOR * n + self.exposed // 2, np.zeros((*grey[0].shape, 2), np.float32)
            ways = {0: still}
            for side in (1, -1):
                for step in range(1, FACTOR + 1):
                    a, b = middle + side * (step - 1), middle + side * step
                    if not 0 <= b < len(grey):
                        break
                    before = ways[side * (step - 1)]
                    ways[side * step] = before + moved(np.asarray(dis.calc(grey[a], grey[b], None)), before)
            self._ways[n] = ways
        return self._ways[n]


def gains(scene: run.Sharp, exposed: int) -> dict[str, float]:
    """dB of "all" over repeating, of each row."""
    blurry = protocol.blur(scene.frames, FACTOR, exposed)
    judge = Judge(scene.frames, blurry, FACTOR, exposed, scene.every)
    v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    found: Any = find_motion_engine(None, linear=False, passes=2)
    engines: dict[str, MotionEngine] = {
        FOUND: found,
        PARABOLA: found.first,
        TRUE_PARABOLA: TrueMotion(scene.frames, exposed, cubic=False),
        TRUE_CUBIC: TrueMotion(scene.frames, exposed, cubic=True),
    }
    shown = {
        row: protocol.to_8bit(
            restore(v, FACTOR, exposed / FACTOR, flow=engine, quadrature="taps").permute(0, 2, 3, 1).numpy()
        )
        for row, engine in engines.items()
    }
    shown[TRUE_MOTION] = true_motion(blurry, scene.frames, FACTOR, exposed)
    repeated = judge(np.repeat(blurry, FACTOR, axis=0)).all
    return {row: judge(frames).all - repeated for row, frames in shown.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips-dir", type=Path, required=True)
    parser.add_argument("--list", default="hard", help="of clips, by its name or its file")
    parser.add_argument("--exposure", type=int, choices=range(1, FACTOR, 2), default=5, help="sub-frames, of 8")
    parser.add_argument("--name", help='of the results; "path_forms-LIST" unless given')
    given = parser.parse_args()
    values: dict[str, dict[str, float]] = {}
    for scene in run.from_files(run.read_list(clip_list(given.list), given.clips_dir), FACTOR):
        values[scene.name] = gains(scene, given.exposure)
        print(scene.name, values[scene.name], flush=True)
    rows = list(next(iter(values.values())))
    lines = [[clip, *(f"{one[row]:+.2f}" for row in rows)] for clip, one in values.items()]
    lines.append(["mean", *(f"{np.mean([one[row] for one in values.values()]):+.2f}" for row in rows)])
    text = table([f'{given.exposure}/8, gain of "all" over repeating, dB', *rows], lines)
    name = given.name or f"path_forms-{Path(given.list).stem}"
    write_results(name, {"machine": machine(), "exposure": given.exposure, "gains": values}, text, RESTORATION)


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
