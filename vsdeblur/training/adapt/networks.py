"""The networks that adapt: what each learns from, and what it makes of the exposures that judge it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur.blind.deconvolve.restoration_net import RestorationNet
from vsdeblur.blind.deconvolve.unrolled import stages
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur
from vsdeblur.camera.noise import noise_level
from vsdeblur.solver.unrolled.instant_net import InstantNet
from vsdeblur.solver.unrolled.instants import InstantStep
from vsdeblur.solver.unrolled.net import ProximalNet
from vsdeblur.solver.unrolled.stage import ProximalStep, load_proximal
from vsdeblur.training.adapt import INSTANTS, KEY_FRAMES, PICTURES
from vsdeblur.training.adapt.agreement import Exposures
from vsdeblur.training.adapt.camera import Camera
from vsdeblur.training.adapt.parts import Part
from vsdeblur.training.adapt.reblurred import ReblurredInstants, ReblurredParts, ReblurredPictures
from vsdeblur.training.pool import Maker
from vsdeblur.training.recipe import Recipe
from vsdeblur.training.recipes.instants import InstantsRecipe
from vsdeblur.training.recipes.restoration import RestorationRecipe
from vsdeblur.training.recipes.unrolled import UnrolledRecipe

_SIDE, _FRAMES = 192, 4  # pixels and frames of a part by which single pictures are judged: each takes seconds
_POINTS = 4  # along either side of a picture whose kernels are taken from the motion


class Adaptable(Protocol):
    """A network that adapts.

    Attributes:
        batch: Samples per step.
    """

    batch: int

    def recipe(self) -> Recipe:
        """That it was trained by; its name is that of the weights."""
        ...

    def scenes(self, parts: Sequence[Part], camera: Camera, key_frames: Path | None) -> Maker:
        """What it learns from: restored parts. key_frames: weights of that network, None for the project's."""
        ...

    def seen(self, blurry: Tensor) -> Tensor:
        """What it is judged by of exposures (n, 3, H, W)."""
        ...

    def restored(self, network: nn.Module, held: Exposures, key_frames: Path | None) -> Tensor:
        """(n, 3, H, W): the pictures at mid-exposure by this network, light."""
        ...


class _KeyFrames:
    batch = 4

    def recipe(self) -> Recipe:
        return UnrolledRecipe()

    def scenes(self, parts: Sequence[Part], camera: Camera, key_frames: Path | None) -> Maker:
        return ReblurredParts([part.sharp for part in parts], camera)

    def seen(self, blurry: Tensor) -> Tensor:
        return blurry

    @torch.inference_mode()
    def restored(self, network: nn.Module, held: Exposures, key_frames: Path | None) -> Tensor:
        assert isinstance(network, ProximalNet)
        held.engine.key_frame_solver.step = ProximalStep(network, linear=held.camera.linear)
        return held.engine.solve(held.window, motion=held.motion).keys


class _Instants:
    batch = 3

    def recipe(self) -> Recipe:
        return InstantsRecipe()

    def scenes(self, parts: Sequence[Part], camera: Camera, key_frames: Path | None) -> Maker:
        return ReblurredInstants([part.sharp for part in parts], camera, key_frames)

    def seen(self, blurry: Tensor) -> Tensor:
        return blurry

    def restored(self, network: nn.Module, held: Exposures, key_frames: Path | None) -> Tensor:
        assert isinstance(network, InstantNet)
        engine, linear = held.engine, held.camera.linear
        engine.key_frame_solver.step = load_proximal(key_frames, linear=linear)
        engine.instant_step = InstantStep(network, linear=linear)
        middles = [n + held.camera.shutter / 2 for n in range(len(held.blurry))]
        return torch.stack(list(engine.restore(held.window, middles, motion=held.motion)))


class _Pictures:
    batch = 2

    def recipe(self) -> Recipe:
        return RestorationRecipe()

    def scenes(self, parts: Sequence[Part], camera: Camera, key_frames: Path | None) -> Maker:
        return ReblurredPictures(parts, camera)

    def seen(self, blurry: Tensor) -> Tensor:
        top, left = ((n - min(n, _SIDE)) // 2 for n in blurry.shape[-2:])
        return blurry[:_FRAMES, :, top : top + _SIDE, left : left + _SIDE]

    @torch.inference_mode()
    def restored(self, network: nn.Module, held: Exposures, key_frames: Path | None) -> Tensor:
        assert isinstance(network, RestorationNet)
        light, noise = held.window.frames, noise_level(held.blurry)
        found = []
        for n, picture in enumerate(light):
            blur = motion_blur(held, n)
            found.append(stages(network.eval(), picture[None], blur, noise, 1.0, held.camera.linear)[-1][0])
        return torch.stack(found)


def motion_blur(held: Exposures, n: int) -> PixelwiseBlur:
    """The blur of exposure n along its motion: kernels of a few points, and between these their mixtures."""
    height, width = held.blurry.shape[-2:]
    y, x = (torch.linspace(0, size - 1, _POINTS).round().long() for size in (height, width))
    points = torch.cartesian_prod(y, x).flip(1)
    corners = torch.eye(len(points)).view(1, -1, _POINTS, _POINTS)
    weights = F.interpolate(corners, (height, width), mode="bilinear", align_corners=True)
    return PixelwiseBlur(held.kernels(n, points)[None], weights)


def gain(
    own: Adaptable, networks: tuple[nn.Module, nn.Module], blurry: Tensor, camera: Camera, key_frames: Path | None
) -> float:
    """dB by which the second of two networks predicts exposures (n, 3, H, W) better than the first."""
    exposures = Exposures.of(own.seen(blurry), camera)
    first, second = (exposures.disagreement(own.restored(one.eval(), exposures, key_frames)) for one in networks)
    return 10 * math.log10((first + 1e-9) / (second + 1e-9))


ADAPTABLE: Mapping[str, Adaptable] = {KEY_FRAMES: _KeyFrames(), INSTANTS: _Instants(), PICTURES: _Pictures()}
