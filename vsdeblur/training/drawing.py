"""Layered scenes as footage: drawn at any instant, with the true paths of what is seen.

It draws on any device: by OpenCV on a CPU, where that is the quickest, and by torch elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.training.footage import COMB, Opening
from vsdeblur.training.paths import Array, apply
from vsdeblur.training.scenes import LayeredScene, SceneLayer

PATH_TAUS = (-1.0, -0.6, -0.3, 0.3, 0.6, 1.0)  # instants of true paths
_STEP = 1.5  # pixels of motion per instant of an exposure
_MOST_STEPS = 32


@dataclass(frozen=True, slots=True)
class DrawnFootage:
    """A layered scene as footage.

    Args:
        scene: What is drawn.
        supersampling: Points of the scene per pixel and side. With 1, pictures lack what moving a texture by parts of
            a pixel costs, and a network takes the finest detail of real video for noise; 2 keeps it.
        pace: Periods of the scene's own paths in one of the film's.
    """

    scene: LayeredScene
    supersampling: int = 1
    pace: float = 1.0

    @property
    def gamma(self) -> float:
        """Values are stored as light ** (1 / gamma)."""
        return self.scene.gamma

    def opening(self, rng: np.random.Generator, centred: bool) -> Opening:
        """Any shutter; the middle of an exposure can always be seen."""
        shutter = 1.0 if rng.random() < 0.3 else float(rng.uniform(0.1, 1.0))
        averaged = bool(rng.random() < 0.35)
        if averaged:
            count = max(1, round(shutter * COMB))
            shutter = count / COMB
        else:
            count = min(max(int(np.ceil(reach(self.scene) * shutter / _STEP)), 4), _MOST_STEPS)
        return Opening(shutter, ((np.arange(count) + 0.5) / count - 0.5) * shutter, averaged)

    def instants(self, times: Array, opening: Opening) -> Array:
        """``times`` themselves."""
        return times

    def light(self, times: Array, device: torch.device) -> Tensor:
        """(T, 3, H, W) at instants in periods."""
        return F.avg_pool2d(draw(self.scene, self.pace * times, device), self.supersampling)


def reach(scene: LayeredScene) -> float:
    """The longest way that a layer's middle or corner goes in one period around the middle, pixels."""
    s = scene.size
    corners = np.array([[0, 0], [s, 0], [0, s], [s, s], [s / 2, s / 2]], np.float64)
    times = np.linspace(-0.5, 0.5, 5)
    ways = [np.abs(np.diff(layer.displacements(corners, times), axis=0)).sum(0) for layer in scene.layers]
    return float(max(np.hypot(way[..., 0], way[..., 1]).max() for way in ways))


def draw(scene: LayeredScene, times: Array, device: torch.device) -> Tensor:
    """(T, 3, H, W) light at each instant, periods from the middle."""
    if device.type != "cpu":
        return _draw_by_torch(scene, times, device)
    import cv2

    size = (scene.size, scene.size)
    out = np.empty((len(times), scene.size, scene.size, 3), np.float32)
    matrices = [layer.matrices(times) for layer in scene.layers]
    for k in range(len(times)):
        back = scene.layers[0]
        canvas = cv2.warpPerspective(
            back.texture, matrices[0][k], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
        )
        for layer, matrix in zip(scene.layers[1:], matrices[1:], strict=True):
            box = _box(layer, matrix[k], scene.size)
            if box is None:
                continue
            x0, y0, x1, y1 = box
            shifted = np.array([[1, 0, -x0], [0, 1, -y0], [0, 0, 1.0]]) @ matrix[k]
            drawn = cv2.warpPerspective(layer.texture, shifted, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
            part = canvas[y0:y1, x0:x1]
            part[:] = part * (1 - drawn[..., 3:]) + drawn[..., :3]
        out[k] = canvas
    return torch.from_numpy(out).permute(0, 3, 1, 2)


def _box(layer: SceneLayer, matrix: Array, size: int) -> tuple[int, int, int, int] | None:
    """The part of the screen that a layer covers, None when it is outside."""
    h, w = layer.texture.shape[:2]
    corners = np.array([[-1, -1, 1], [w, -1, 1], [-1, h, 1], [w, h, 1]], np.float64) @ matrix.T
    if (corners[:, 2] < 0.1).any():
        return 0, 0, size, size
    plane = corners[:, :2] / corners[:, 2:]
    low = np.clip(np.floor(plane.min(0)).astype(int), 0, size)
    high = np.clip(np.ceil(plane.max(0)).astype(int) + 1, 0, size)
    if (high - low < 1).any():
        return None
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _draw_by_torch(scene: LayeredScene, times: Array, device: torch.device) -> Tensor:
    total = torch.zeros(len(times), 3, scene.size, scene.size, device=device)
    for layer in scene.layers:
        texture = torch.from_numpy(layer.texture).to(device).permute(2, 0, 1)[None]
        h, w = texture.shape[-2:]
        to_texture = np.linalg.inv(layer.matrices(times)).astype(np.float32)
        at = torch.from_numpy(to_texture).to(device) @ _screen(scene.size, 1).to(device)
        x, y = at[:, 0] / at[:, 2], at[:, 1] / at[:, 2]
        grid = torch.stack((x * (2 / (w - 1)) - 1, y * (2 / (h - 1)) - 1), -1).view(
            len(times), scene.size, scene.size, 2
        )
        mode = "reflection" if layer.own is None else "zeros"
        drawn = F.grid_sample(texture.expand(len(times), -1, -1, -1), grid, padding_mode=mode, align_corners=True)
        total = drawn[:, :3] if layer.own is None else total * (1 - drawn[:, 3:]) + drawn[:, :3]
    return total


def _screen(size: int, step: int) -> Tensor:
    """(3, P): homogeneous positions of the middles of step x step pixels."""
    line = torch.arange(0, size, step, dtype=torch.float32) + (step - 1) / 2
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack((x.flatten(), y.flatten(), torch.ones(x.numel())))


def true_paths(scene: LayeredScene) -> tuple[Tensor, Tensor]:
    """True motion at half resolution, at the middle of each 2x2 pixels.

    Returns:
        (6, 2, h, w) float16, how far what is seen at instant 0 has moved at PATH_TAUS, pixels; (2, h, w) bool, whether
        it is still seen one period later and earlier.
    """
    half = scene.size // 2
    points = _screen(scene.size, 2)[:2].T.double().numpy()
    front = [_front(scene, t, points) for t in (0.0, 1.0, -1.0)]
    paths = np.zeros((len(PATH_TAUS), len(points), 2))
    seen = np.zeros((2, len(points)), bool)
    for k, layer in enumerate(scene.layers):
        mine = front[0] == k
        if not mine.any():
            continue
        paths[:, mine] = layer.displacements(points[mine], np.array(PATH_TAUS))
        for side, (tau, top) in enumerate(zip((-1, 0), front[1:], strict=True)):  # PATH_TAUS ends in 1, begins with -1
            at = points[mine] + paths[-1 if tau == -1 else 0, mine]
            inside = ((at >= 0) & (at <= scene.size - 1)).all(1)
            cell = np.clip((at / 2).astype(int), 0, half - 1)
            seen[side, mine] = inside & (top[cell[:, 1] * half + cell[:, 0]] == k)
    shape = (half, half)
    way = torch.from_numpy(paths.astype(np.float16)).permute(0, 2, 1).reshape(len(PATH_TAUS), 2, *shape)
    return way.contiguous(), torch.from_numpy(seen).view(2, *shape)


def _front(scene: LayeredScene, t: float, points: Array) -> npt.NDArray[np.int64]:
    """(P,): the number of the layer that is seen at each point at instant t."""
    import cv2

    top = np.zeros(len(points), np.int64)
    for k, layer in enumerate(scene.layers[1:], 1):
        at = apply(np.linalg.inv(layer.matrices(np.array([t]))), points)[0].astype(np.float32)
        alpha = cv2.remap(layer.texture[..., 3], at[:, :1], at[:, 1:], cv2.INTER_LINEAR)
        top[alpha[:, 0] > 0.5] = k
    return top
