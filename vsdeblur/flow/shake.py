"""A shaken camera's path as the base of the dense motion, and frames made equally blurred by it."""

from __future__ import annotations

import logging

import torch
import torch.nn.functional as F
from torch import Tensor

from vsdeblur.camera.path import CameraPath
from vsdeblur.flow.camera import EXPLAINED, find_camera_path
from vsdeblur.flow.motion import displacement
from vsdeblur.flow.occlusion import normalised_residual
from vsdeblur.flow.resolution import upsampled
from vsdeblur.flow.shifts import ERRATIC, is_shaken
from vsdeblur.flow.warp import warp
from vsdeblur.window import Window

log = logging.getLogger("vsdeblur")

_LONGEST = 320  # pixels, the longer side of the picture in which the camera's path is found
_TAPS = 12
_TOLERATED = 2.0  # residual of a gyroscope's path over that of the frames' own path
_NEIGHBOUR = 30.0  # weight of a neighbour against that of one instant of the exposure


def camera_paths(light: Tensor, window: Window, shutter: float) -> Tensor | None:
    """Paths of all pixels where a camera shakes, scene by scene.

    Args:
        light: (n, C, h, w), the window's frames in linear light at the resolution of motion.
        window: Gives scenes, durations, shutters of single frames, and the gyroscope's path.
        shutter: Open fraction of the period, in (0, 1], of frames without one of their own.

    Returns:
        (n, 6, h, w) in pixels of light: velocity, acceleration and jerk as in ``Motion.path``; 0 in scenes without
        shake and in those that no camera's path explains. None where all are such scenes.
    """
    scale = -(-max(light.shape[-2:]) // _LONGEST)
    grey = light.clamp(0, 1).mean(1, keepdim=True)
    grey = (F.avg_pool2d(grey, scale, ceil_mode=True, count_include_pad=False) if scale > 1 else grey)[:, 0].cpu()
    times, lengths = _exposures(window, shutter)
    found = None
    gyro = None if window.camera is None else window.camera.scaled(grey.shape[-1] / window.frames.shape[-1])
    for first, last in window.scenes:
        scene = slice(first, last)
        shaken = is_shaken(grey[scene])
        parts = grey[scene], times[scene], lengths[scene]
        tried = gyro is not None and (shaken or _shift_change(gyro, times[scene]) > ERRATIC * grey.shape[-1])
        camera = find_camera_path(*parts) if shaken or tried else None
        if gyro is not None and tried:
            better = _select(camera, gyro, *parts)
            camera = better if shaken or better is gyro else None
        if camera is None:
            if shaken:
                numbers = window.start + first, window.start + last - 1
                log.debug("frames %d to %d shake, but no camera's path explains them", *numbers)
            continue
        found = light.new_zeros(len(light), 6, *light.shape[-2:]) if found is None else found
        for n in range(first, last):
            path = _coefficients(camera, times[scene], lengths[scene], n - first, grey.shape[-2], grey.shape[-1])
            whole = (light.shape[-2], light.shape[-1])
            found[n] = scale * upsampled(path[None].to(light), scale, whole, slice(0, whole[0]))[0]
    return found


def _shift_change(camera: CameraPath, times: Tensor) -> float:
    """The largest second difference of the picture's shift, pixels."""
    return float(camera.pose(times)[0].diff(n=2, dim=0).norm(dim=1).max()) if len(times) > 2 else 0.0


def _select(
    found: CameraPath | None, gyro: CameraPath, grey: Tensor, times: Tensor, lengths: Tensor
) -> CameraPath | None:
    """The gyroscope's path where its residual on the frames (n, h, w) is small enough, else what was found in them.

    A path that is fitted to the frames always has the lower residual; the gyroscope measures what they do not show, the
    motion within an exposure. A misaligned one has many times the residual.
    """
    by_gyro = _residual_by(gyro, grey, times, lengths)
    most = EXPLAINED if found is None else _TOLERATED * _residual_by(found, grey, times, lengths)
    return gyro if by_gyro <= most else found


def _residual_by(camera: CameraPath, grey: Tensor, times: Tensor, lengths: Tensor) -> float:
    """The mean over pairs of the path's normalised residual."""
    height, width = grey.shape[-2:]
    paths = [_coefficients(camera, times, lengths, n, height, width).float() for n in range(len(grey))]
    total = 0.0
    for n in range(len(grey) - 1):
        period = float(times[n + 1] - times[n])
        ahead, behind = displacement(paths[n][None], 1.0)[0], displacement(paths[n + 1][None], -1.0)[0]
        a = blurred_like(grey[n, None], paths[n + 1], ahead, float(lengths[n + 1]) / period)
        b = blurred_like(grey[n + 1, None], paths[n], behind, float(lengths[n]) / period)
        total += float(normalised_residual(a, b, ahead))
    return total / (len(grey) - 1)


def blurred_like(x: Tensor, path: Tensor, there: Tensor, shutter: float) -> Tensor:
    """A frame with the blur of another frame's exposure added, so that a flow can compare the two.

    Args:
        x: (C, h, w).
        path: Of the other frame, (6, h, w), pixels.
        there: Flow from x to the other frame, (2, h, w), pixels.
        shutter: The other exposure's length in periods.

    Returns:
        (C, h, w).
    """
    carried = warp(path[None], there[None], "bilinear")
    total = torch.zeros_like(x[None])
    for k in range(_TAPS):
        tau = ((k + 0.5) / _TAPS - 0.5) * shutter
        total += warp(x[None], -displacement(carried, tau), "bilinear")
    return total[0] / _TAPS


def _exposures(window: Window, shutter: float) -> tuple[Tensor, Tensor]:
    """Mid-exposures and lengths of exposures, (n,) each, in units of the mean period."""
    count = len(window.frames)
    periods = torch.tensor(window.durations or (1.0,) * count, dtype=torch.float64)
    periods = periods / periods.mean()
    lengths = periods * torch.tensor(window.shutters or (shutter,) * count, dtype=torch.float64)
    return periods.cumsum(0) - periods + lengths / 2, lengths


def _coefficients(camera: CameraPath, times: Tensor, lengths: Tensor, n: int, height: int, width: int) -> Tensor:
    """The cubic path (6, h, w) that meets both neighbours and fits the exposure between best."""
    fractions = (torch.arange(_TAPS, dtype=times.dtype) + 0.5) / _TAPS - 0.5
    period = float(times[n + 1] - times[n]) if n + 1 < len(times) else float(times[n] - times[n - 1])
    instants, weights = lengths[n] * fractions, torch.ones(_TAPS, dtype=times.dtype)
    for other in (n - 1, n + 1):
        if 0 <= other < len(times):
            instants = torch.cat((instants, times[other : other + 1] - times[n]))
            weights = torch.cat((weights, weights.new_tensor([_NEIGHBOUR])))
    tau = instants / period
    powers = torch.stack((tau, tau**2 / 2, tau**3 / 6), 1)
    rows = weights[:, None] * powers
    fit = torch.linalg.solve(rows.T @ rows + 1e-6 * torch.eye(3, dtype=tau.dtype), rows.T * weights)
    moved = camera.displacement(times[n], times[n] + instants, height, width)
    return torch.einsum("ct,tdhw->cdhw", fit, moved).flatten(0, 1)
