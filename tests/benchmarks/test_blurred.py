"""The blurry pictures that per-frame deblurring is judged by."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import blurred
from common import psnr

pytestmark = pytest.mark.quick


def photograph(size: int = 300) -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.random((size // 12, size // 12, 3), np.float32)
    return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC).clip(0, 1)


@pytest.fixture
def folder(tmp_path):
    for k in range(3):
        cv2.imwrite(str(tmp_path / f"{k}.png"), np.rint(np.roll(photograph(), 5 * k, 2) * 255))
    return tmp_path


def shift(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def test_exposure_of_a_still_camera_is_the_picture():
    photo = photograph()
    seen = blurred.exposure(photo, (100, 90), (64, 64), np.stack([shift(0, 0)] * 2))
    assert np.abs(seen[0].permute(1, 2, 0).numpy() - photo[90:154, 100:164]).max() < 0.01


def test_exposure_sees_sharp_at_the_path():
    photo = photograph()
    seen = blurred.exposure(photo, (100, 90), (64, 64), np.stack([shift(-6, 2), shift(-6, 2)]))
    assert np.abs(seen[0].permute(1, 2, 0).numpy() - photo[92:156, 94:158]).max() < 0.01


def test_pictures_are_what_they_say(folder):
    photos = blurred.held_out(folder, 5)
    assert [path.name for path in photos] == ["0.png"]
    first, again = (next(iter(blurred.shaken(photos, 96, extents=(9, 9)))) for _ in range(2))
    assert torch.equal(first.blurry, again.blurry)
    assert first.extent == 9
    assert first.sharp.shape == first.blurry.shape == (1, 3, 96, 96)
    assert psnr(first.blurry, first.sharp) > 20
    uniform = next(iter(blurred.levin_kind(photos, 95)))
    assert uniform.blurry.shape == (1, 1, 95, 95)
    assert uniform.kernel is not None
    assert uniform.kernel.shape == (13, 13)
    assert float(uniform.kernel.sum()) == pytest.approx(1, abs=1e-5)
    # A correlation: away from the borders the operator itself gives the picture again.
    whole = torch.nn.functional.conv2d(uniform.sharp, uniform.kernel[None, None])
    assert float((whole - uniform.blurry[..., 6:-6, 6:-6]).std()) == pytest.approx(0.01, rel=0.1)


def test_a_thing_that_moves_leaves_the_rest_as_it_is(folder):
    paths = sorted(folder.glob("*.png"))
    (first, *_) = blurred.moving(paths, size=96, sigma=0.0)
    wide = blurred.WIDE
    matte = first.mattes[0, wide:-wide, wide:-wide]
    reach = int(blurred.STRAIGHT[0]) // 2 + 2
    near = cv2.dilate((matte > 0).numpy().astype(np.uint8), np.ones((2 * reach + 1,) * 2)) > 0
    assert 0.05 < near.mean() < 0.9
    still = torch.from_numpy(~near)
    assert torch.allclose(first.blurry[..., still], first.sharp[..., still], atol=1e-5)
    assert psnr(first.blurry, first.sharp) < 50
    way = first.paths[1][:, :2, 2]
    assert np.linalg.norm(way[-1] - way[0]) == pytest.approx(first.extent, rel=0.05)
    assert np.abs(way.mean(0)).max() < 1e-6
