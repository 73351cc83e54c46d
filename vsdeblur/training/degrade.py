"""What a camera does to light before it is a file: clipping, noise, response curve, 8 bits and compression."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

JPEG, H264 = "jpeg", "h264"
_X264 = {"preset": "veryfast", "threads": "1", "x264-params": "rc-lookahead=0:mbtree=0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Degradation:
    """Ranges that a camera's faults are drawn from.

    Args:
        clean: Share of the films without noise.
        shot: Logarithm of the variance of light per unit of it, from and to.
        read: Logarithm of the variance of the sensor, from and to.
        compressed: Share of the films that are.
        quality: Of JPEG, from, and below.
        video: Share of the compressed ones that are H.264 rather than JPEG.
        crf: Of H.264, from, and below.
    """

    clean: float = 0.3
    shot: tuple[float, float] = (-12.0, -6.5)
    read: tuple[float, float] = (-14.0, -8.0)
    compressed: float = 0.3
    quality: tuple[int, int] = (50, 96)
    video: float = 0.0
    crf: tuple[int, int] = (14, 30)


def degraded(light: Tensor, gamma: float, rng: np.random.Generator, how: Degradation) -> Tensor:
    """Successive exposures (n, 3, H, W) of light as such a camera stores them, uint8."""
    frames = stored(_noisy(light, rng, how), gamma)
    if rng.random() >= how.compressed or light.device.type != "cpu":  # the codecs are not on an accelerator
        return frames
    quality, crf = int(rng.integers(*how.quality)), int(rng.integers(*how.crf))
    if rng.random() < how.video:
        return through_h264(frames, crf)
    return torch.stack([through_jpeg(frame, quality) for frame in frames])


def stored(light: Tensor, gamma: float) -> Tensor:
    """Clipped, through the response curve, 8 bit."""
    values = (light.clamp(0, 1) ** (1 / gamma) * 255).round()
    return values.to(torch.uint8).contiguous()


def through_jpeg(frame: Tensor, quality: int) -> Tensor:
    """A frame (3, H, W) uint8 after JPEG."""
    import cv2

    _, data = cv2.imencode(".jpg", frame.permute(1, 2, 0).numpy(), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return torch.from_numpy(cv2.imdecode(data, cv2.IMREAD_COLOR)).permute(2, 0, 1).contiguous()


def through_h264(frames: Tensor, crf: int) -> Tensor:
    """Successive frames (n, 3, H, W) uint8, of even size, after H.264 at a constant rate factor.

    Without x264's lookahead, whose vector code reads beyond the frames: with it the same frames give different bytes.
    """
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": str(crf)} | _X264)
        stream.height, stream.width = frames.shape[-2:]
        stream.pix_fmt = "yuv420p"
        for picture in frames.permute(0, 2, 3, 1).contiguous().numpy():
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as back:
        pictures = [frame.to_ndarray(format="rgb24") for frame in back.decode(video=0)]
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()


def _noisy(light: Tensor, rng: np.random.Generator, how: Degradation) -> Tensor:
    """Poisson-Gaussian: variance a * light + b."""
    if rng.random() < how.clean:
        return light
    shot, read = float(np.exp(rng.uniform(*how.shot))), float(np.exp(rng.uniform(*how.read)))
    generator = torch.Generator(light.device).manual_seed(int(rng.integers(2**62)))
    noise = torch.randn(light.shape, generator=generator, device=light.device)
    return light + noise * (shot * light.clamp_min(0) + read).sqrt()
