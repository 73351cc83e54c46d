"""The rows of the table: every method turns N blurry frames into N * r, each knowing only r, m and the frames."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from vsdeblur.bench.protocol import Frames, to_8bit
from vsdeblur.settings import PRESETS

Method = Callable[[Frames, int, int], Frames]  # blurry (N, H, W, 3), r, m -> (N * r, H, W, 3)
_Between = Callable[[Any, Any, float], Any]  # two frames and a time in [0, 1) -> the frame there


def methods(
    presets: Sequence[str] = PRESETS, device: str | None = None, peers: bool = True, *, parts: bool = True
) -> dict[str, Method]:
    """Every row that can run here, in the table's order; peers only where they are installed.

    parts: "vsdeblur PRESET" takes no weights; the rows beside it have learned motion, and the unrolled solver on top of
    that, where the weights are there; "as shipped" is a preset that takes a part of that. Without, each preset has one
    row, as users get it.
    """
    from vsdeblur.bench import peers as _peers
    from vsdeblur.weights import available

    rows: dict[str, Method] = {"repeat": repeat, "linear blend": blend, "DIS warp": warp}
    if peers and _peers.has_rife():
        rows["RIFE 4.6"] = lambda blurry, r, m: interpolate(blurry, r, m, _peers.rife(device))
    for preset in presets:
        own = {f"vsdeblur {preset}": {"flow": "dis", "solver": "keyframes"}}
        if available("motion"):
            own[f"vsdeblur {preset}, learned motion"] = {"flow": "blur", "solver": "keyframes"}
        if _has_all():
            own[f"vsdeblur {preset}, unrolled"] = {"flow": "blur", "solver": "unrolled"}
        name, row_of = shipped(preset), partial(engine, preset=preset, device=device)
        made = {row: partial(row_of, **kind) for row, kind in own.items() if row != name}
        made[name] = row_of
        rows |= {row: made[row] for row in (*own, name)} if parts else {name: made[name]}
    return rows


def shipped(preset: str) -> str:
    """The row that is the preset as users get it."""
    from vsdeblur.presets import EFFORTS
    from vsdeblur.weights import available

    effort = EFFORTS[preset]
    if not (effort.learned and available("motion")):
        return f"vsdeblur {preset}"
    if not _has_all():
        return f"vsdeblur {preset}, learned motion"
    return f"vsdeblur {preset}, unrolled" if effort.refined else f"vsdeblur {preset}, as shipped"


def _has_all() -> bool:
    from vsdeblur.weights import available

    return all(map(available, ("motion", "unrolled", "instants")))


def repeat(blurry: Frames, factor: int, m: int) -> Frames:
    """Every blurry frame ``factor`` times."""
    return np.repeat(blurry, factor, axis=0)


def blend(blurry: Frames, factor: int, m: int) -> Frames:
    """Neighbours blended linearly."""
    return interpolate(blurry, factor, m, lambda a, b, t: (1 - t) * a + t * b)


def warp(blurry: Frames, factor: int, m: int) -> Frames:
    """Neighbours warped along OpenCV's DIS flow and blended."""
    return interpolate(blurry, factor, m, _DisBetween())


def engine(
    blurry: Frames,
    factor: int,
    m: int,
    *,
    preset: str = "balanced",
    device: str | None = None,
    flow: str | None = None,
    solver: str | None = None,
) -> Frames:
    """The project's own row, through the public function for tensors."""
    import torch

    from vsdeblur import restore

    v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    u = restore(
        v,
        factor=factor,
        shutter=m / factor,
        transfer="linear",
        preset=preset,
        quadrature="taps",
        flow=flow,
        solver=solver,
        device=device,
    )
    return np.stack([to_8bit(frame.permute(1, 2, 0).cpu().numpy()) for frame in u])


def interpolate(blurry: Frames, factor: int, m: int, between: _Between) -> Frames:
    """Each output from the two blurry frames whose mid-exposures lie around it; beyond the clip's ends the last one.

    ``between`` takes and gives (H, W, 3) float32 in [0, 1]; it makes the instants of the blurry frames themselves too,
    so that no output differs in kind from its neighbours.
    """
    frames = blurry.astype(np.float32) / 255
    out = []
    for k in range(len(blurry) * factor):
        position = (k - (m - 1) / 2) / factor  # in periods from the middle of the first exposure
        n = math.floor(position)
        t = position - n
        if n < 0 or n + 1 >= len(frames):
            out.append(blurry[min(max(n, 0), len(frames) - 1)])
        else:
            out.append(to_8bit(between(frames[n], frames[n + 1], t)))
    return np.stack(out)


class _DisBetween:
    """Warps both frames along the flow that OpenCV's DIS finds, and blends; the flow of a pair is found once."""

    def __init__(self) -> None:
        import cv2

        self._dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._pair: tuple[int, int] | None = None
        self._flows: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None = None

    def __call__(self, a: npt.NDArray[Any], b: npt.NDArray[Any], t: float) -> npt.NDArray[Any]:
        import cv2

        pair = a.ctypes.data, b.ctypes.data
        if self._flows is None or self._pair != pair:
            first, second = (cv2.cvtColor(to_8bit(x), cv2.COLOR_RGB2GRAY) for x in (a, b))
            self._flows = self._dis.calc(first, second, None), self._dis.calc(second, first, None)
            self._pair = pair
        forward, backward = self._flows
        # the flow from the instant t to both ends, from the flow between the ends, as Super SloMo combines them
        to_a = -(1 - t) * t * forward + t * t * backward
        to_b = (1 - t) * (1 - t) * forward - t * (1 - t) * backward
        return (1 - t) * _sample(a, to_a) + t * _sample(b, to_b)


def _sample(frame: npt.NDArray[Any], flow: npt.NDArray[Any]) -> npt.NDArray[Any]:
    import cv2

    rows, columns = np.indices(flow.shape[:2], dtype=np.float32)
    x, y = columns + flow[..., 0].astype(np.float32), rows + flow[..., 1].astype(np.float32)
    return cv2.remap(frame, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
