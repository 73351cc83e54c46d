"""Samples of the shutter recipe: scenes as filmed with a known shutter, as the estimate reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from vsdeblur.calibration.shutter.window import window_evidence
from vsdeblur.training.clips import MIN_CLIP_SIDE
from vsdeblur.training.degrade import through_jpeg
from vsdeblur.training.drawing import DrawnFootage, reach
from vsdeblur.training.footage import COMB, Footage, Opening, exposures
from vsdeblur.training.material import Material
from vsdeblur.training.paths import Spline
from vsdeblur.training.pool import Sample
from vsdeblur.training.scenes import LayeredScene, SceneLayer
from vsdeblur.window import Window

_SHORT = 0.15  # share of the films with a shutter of less than a tenth
_COMB = 0.4  # share of the films that are means of sharp frames, an eighth of a period apart
_STILL_CAMERA = 0.3  # share of the films by a camera on a tripod
_SOFT = 0.25  # share of the layers that are out of focus
_STEP, _MOST_STEPS = 1.0, 20  # pixels of motion per instant of an exposure, and instants
_SIZES = (144, 176, 208)


@dataclass(frozen=True, slots=True)
class ExposedScenes:
    """A ``Maker``: tiles (T, FEATURES), frame (T,) which of the film's three they are of, shutter (1,)."""

    material: Material

    @torch.inference_mode()
    def __call__(self, rng: np.random.Generator) -> Sample:
        """One sample, drawn by ``rng``."""
        while True:
            v, shutter, linear = exposed(rng, self.material)
            found = window_evidence(Window(v, 0, 0, len(v)), linear=linear)
            tiles = torch.cat([one.tiles for one in found])
            if len(tiles):
                break
        frame = torch.repeat_interleave(torch.arange(len(found)), torch.tensor([len(one.tiles) for one in found]))
        return {"tiles": tiles, "frame": frame, "shutter": torch.tensor([shutter], dtype=torch.float32)}


def exposed(rng: np.random.Generator, material: Material) -> tuple[Tensor, float, bool]:
    """Three frames (3, 3, H, W) as the estimate gets them, their shutter, and whether they are linear light."""
    size, fine = int(rng.choice(_SIZES)), 1 + int(rng.random() < 0.4)
    footage: Footage
    if material.real(rng):
        size = min(size, MIN_CLIP_SIDE)
        footage = material.stretch(rng, size)
        opening = footage.opening(rng, centred=False)
    else:
        scene = material.scene(rng, size * fine)
        if rng.random() < _STILL_CAMERA and len(scene.layers) > 1:
            scene = _on_tripod(scene)
        scene = replace(scene, layers=tuple(_out_of_focus(layer, rng, fine) for layer in scene.layers))
        footage, opening = DrawnFootage(scene, fine), _opening(rng, reach(scene) / fine)
    light = exposures(footage, opening, (-1.0, 0.0, 1.0), torch.device("cpu"))
    height = int(size * rng.choice([0.5, 0.75, 1.0]))
    light = light[:, :, (size - height) // 2 :][:, :, :height]
    if rng.random() < 0.35:  # a soft lens
        sigma = float(rng.uniform(0.4, 1.2))
        light = torch.stack([_soft(x, sigma) for x in light])
    return _as_read(light, footage.gamma, rng), opening.shutter, footage.gamma != 1


def _opening(rng: np.random.Generator, motion: float) -> Opening:
    """A shutter for a drawn scene that moves by ``motion`` pixels per period."""
    shutter = float(rng.uniform(0.01, 0.1) if rng.random() < _SHORT else rng.uniform(0.1, 1.0))
    if rng.random() < 0.1:
        shutter = 1.0
    count = min(max(int(np.ceil(motion * shutter / _STEP)), 3), _MOST_STEPS)
    averaged = bool(rng.random() < _COMB)
    if averaged:
        count = max(1, round(shutter * COMB))
        shutter = count / COMB if count > 1 else float(rng.choice([1 / COMB, 0.02]))
        if count == 1 and shutter > 0.1:
            count = 3
    return Opening(shutter, ((np.arange(count) + 0.5) / count - 0.5) * shutter, averaged)


def _soft(x: Tensor, sigma: float) -> Tensor:
    image = np.ascontiguousarray(x.permute(1, 2, 0).numpy())
    return torch.from_numpy(cv2.GaussianBlur(image, (0, 0), sigma)).permute(2, 0, 1)


def _as_read(light: Tensor, gamma: float, rng: np.random.Generator) -> Tensor:
    """Through noise, the response curve, 8 bits and compression, and back to light."""
    if rng.random() < 0.6:
        shot, read = np.exp(rng.uniform(-13, -7)), np.exp(rng.uniform(-15, -8.5))
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        light = light + torch.randn(light.shape, generator=generator) * (shot * light.clamp_min(0) + read).sqrt()
    stored = (light.clamp(0, 1) ** (1 / gamma) * 255).round().to(torch.uint8)
    if rng.random() < 0.4:
        quality = int(rng.integers(60, 97))
        stored = torch.stack([through_jpeg(x, quality) for x in stored])
    back = gamma if rng.random() < 0.8 else gamma * float(rng.uniform(0.8, 1.25))
    return (stored.float() / 255) ** back


def _out_of_focus(layer: SceneLayer, rng: np.random.Generator, fine: int) -> SceneLayer:
    """The layer, softer in a few cases: what is smooth need not have moved."""
    if rng.random() >= _SOFT:
        return layer
    sigma = fine * float(np.exp(rng.uniform(np.log(0.7), np.log(4.0))))
    return replace(layer, texture=np.asarray(cv2.GaussianBlur(layer.texture, (0, 0), sigma), np.float32))


def _on_tripod(scene: LayeredScene) -> LayeredScene:
    """The scene without its camera's movement."""
    layers = (replace(layer, camera=Spline(layer.camera.points * 0, layer.camera.spacing)) for layer in scene.layers)
    return replace(scene, layers=tuple(layers))
