"""The shutter of one window, cheaply: a few frames, as small as their motion allows."""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from vsdeblur.calibration.shutter.evidence import ShutterEvidence, frame_evidence
from vsdeblur.calibration.shutter.fit import fit_shutter
from vsdeblur.clip.samples import MAX_SIDE, reduced
from vsdeblur.flow.dis import DisFlow
from vsdeblur.flow.motion import Motion
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.flow.resolution import downsampled, upsampled
from vsdeblur.footprint import FrameSize
from vsdeblur.settings import DEFAULT_SHUTTER, Options
from vsdeblur.window import Window

log = logging.getLogger("vsdeblur")

FRAMES = 6
_MOTION = 640  # pixels of the picture that motion is found in
_MIN_SHUTTER_SIDE = 32  # pixels of a side: smaller pictures have no room for a blur and its motion
_SLOW = 8.0  # pixels per period of the faster tenth: slower motion is measured where it has more pixels


def window_shutter(window: Window, options: Options) -> float:
    """The shutter to solve a window with: as given, or estimated from the window, a pure function of it."""
    if not options.auto_shutter:
        return options.shutter
    estimate = fit_shutter(window_evidence(window, linear=options.transfer != "linear"))
    log.debug("frames from %d on: shutter %.2f, confidence %.2f", window.start, *estimate)
    return estimate.usable


@torch.inference_mode()
def window_evidence(window: Window, *, linear: bool = True) -> list[ShutterEvidence]:
    """The evidence of the frames in the middle of a window's longest scene; ``linear``: its values are linear light."""
    found = frames_and_motion(window, linear=linear)
    return [] if found is None else [frame_evidence(*found, n) for n in range(len(found[0]))]


def frames_and_motion(window: Window, *, linear: bool) -> tuple[Tensor, Motion] | None:
    """Grey frames (n, 1, h, w) from the middle of a window's longest scene and their motion, None where it has few."""
    scene = _longest_scene(window)
    if scene.stop - scene.start < 3 or min(window.frames.shape[-2:]) < _MIN_SHUTTER_SIDE:
        return None
    frames = window.frames[scene, : window.colour]
    grey = torch.cat([reduced(frame[None]) for frame in frames])
    step = -(-max(grey.shape[-2:]) // _MOTION)
    small = Window(downsampled(grey, step), 0, 0, len(grey), 1)
    # What jumps or is small shows no blur along its motion: no camera path, no continuation in time.
    find = PairwiseMotion(DisFlow("fast"), linear=linear, camera=False, continuation=False)
    motion = find(small, DEFAULT_SHUTTER)
    speed = motion.path[:, :2].square().sum(1).sqrt().flatten()
    if step > 1 and float(speed.kthvalue(max(1, int(0.9 * speed.numel()))).values) < _SLOW:
        motion = _enlarged(motion, step, (grey.shape[-2], grey.shape[-1]))
    else:
        grey = small.frames
    return grey, motion


def _longest_scene(window: Window) -> slice:
    """FRAMES frames, or fewer, from the middle of the longest run without a cut."""
    first, last = max(window.scenes, key=lambda ends: ends[1] - ends[0])
    begin = first + max(last - first - FRAMES, 0) // 2
    return slice(begin, min(begin + FRAMES, last))


def _enlarged(motion: Motion, step: int, size: tuple[int, int]) -> Motion:
    """At so many times the resolution: the path, and the rest, of which a whole frame is asked alone, as it is."""
    path = upsampled(motion.path, step, size, slice(0, size[0])).mul_(step)
    return Motion(path, motion.reliability, motion.occlusion)


def footprint(size: FrameSize) -> int:
    """Bytes of estimating a window's shutter: grey pictures, no longer than MAX_SIDE, with motion and its features."""
    return (FRAMES + 24) * size.field(-(-max(size.height, size.width) // MAX_SIDE))
