"""What a camera does to light: noise as it is said to be, curves, and codecs that cost what they should."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vsdeblur.synthetic.scene import Scene
from vsdeblur.training.degrade import Degradation, degraded, stored, through_h264, through_jpeg

STILL = torch.full((2, 3, 64, 64), 0.25)


def moving(count: int = 4) -> torch.Tensor:
    """(count, 3, 64, 64) uint8."""
    g = torch.Generator().manual_seed(0)
    picture = torch.nn.functional.interpolate(torch.rand(1, 1, 16, 16, generator=g), size=(72, 72), mode="bicubic")
    return torch.stack([stored(picture[0].expand(3, -1, -1)[:, k : k + 64, k : k + 64], 1.0) for k in range(count)])


def test_noise_grows_with_light() -> None:
    how = Degradation(clean=0, shot=(np.log(1e-3), np.log(1e-3)), read=(np.log(1e-5), np.log(1e-5)), compressed=0)
    for level in (0.1, 0.6):
        frames = degraded(torch.full((2, 3, 64, 64), level), 1.0, np.random.default_rng(1), how).float() / 255
        assert float(frames.var()) == pytest.approx(1e-3 * level + 1e-5, rel=0.1)
        assert float(frames.mean()) == pytest.approx(level, abs=0.004)


def test_light_is_clipped_and_goes_through_the_curve() -> None:
    clean = Degradation(clean=1, compressed=0)
    rng = np.random.default_rng(0)
    assert (degraded(4 * STILL, 2.2, rng, clean) == 255).all() or float(4 * STILL.max()) < 1
    assert (degraded(8 * STILL, 2.2, rng, clean) == 255).all()
    assert int(degraded(STILL, 2.2, rng, clean)[0, 0, 0, 0]) == round(255 * 0.25 ** (1 / 2.2))


@pytest.mark.parametrize("codec", ["jpeg", "h264"])
def test_more_compression_is_a_larger_error(codec: str) -> None:
    frames = moving()

    def error(setting: int) -> float:
        if codec == "h264":
            coded = through_h264(frames, setting)
        else:
            coded = torch.stack([through_jpeg(frame, setting) for frame in frames])
        assert coded.shape == frames.shape
        assert coded.dtype == torch.uint8
        return float((coded.float() - frames.float()).abs().mean())

    fine, coarse = (error(x) for x in ((10, 35) if codec == "h264" else (97, 20)))
    assert 0 < fine < 0.5 * coarse < 20


def test_the_same_frames_are_coded_the_same() -> None:
    """A seed stands for one sample: no byte may depend on what memory held before."""
    scene = Scene(96, 96, 0)
    frames = torch.stack([torch.from_numpy(np.rint(255 * scene.at(k / 4)).astype(np.uint8)) for k in range(3)])
    frames = frames.permute(0, 3, 1, 2).contiguous()
    coded = through_h264(frames, 14)
    assert all(torch.equal(through_h264(frames, 14), coded) for _ in range(60))


def test_each_codec_has_its_share() -> None:
    frames = moving(2).float() / 255
    for video, codec in ((0.0, "jpeg"), (1.0, "h264")):
        how = Degradation(clean=1, compressed=1, video=video, quality=(60, 61), crf=(28, 29))
        found = degraded(frames, 1.0, np.random.default_rng(0), how)
        raw = stored(frames, 1.0)
        wanted = through_h264(raw, 28) if codec == "h264" else torch.stack([through_jpeg(x, 60) for x in raw])
        assert torch.equal(found, wanted)
