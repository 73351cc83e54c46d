"""Tiles: weights that sum to one, and a tiled solve that looks like the whole one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import vsdeblur.engine.solve_tiles as engine_module
from tests.support.quality import psnr
from vsdeblur.bench.protocol import Frames
from vsdeblur.engine.engine import Engine
from vsdeblur.flow.resolution import upsampled
from vsdeblur.settings import parse_options
from vsdeblur.synthetic.scene import Scene, film
from vsdeblur.tiles import FEATHER, tiles
from vsdeblur.window import Window

HEIGHT, WIDTH, TILE = 96, 160, 48


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    height=st.integers(16, 300),
    width=st.integers(16, 300),
    size=st.sampled_from([48, 64, 128]),
    overlap=st.integers(0, 96),
)
def test_weights_sum_to_one_everywhere(height: int, width: int, size: int, overlap: int) -> None:
    total = torch.zeros(height, width)
    for tile in tiles(height, width, size, overlap):
        assert tile.weight.shape == total[tile.rows, tile.columns].shape
        assert float(tile.weight.min()) >= 0
        total[tile.rows, tile.columns] += tile.weight
    assert torch.allclose(total, torch.ones_like(total), atol=1e-6)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(length=st.integers(16, 2000), size=st.sampled_from([128, 192, 256, 512]), overlap=st.sampled_from([32, 48, 96]))
def test_tiles_are_within_what_the_memory_plan_counts(length: int, size: int, overlap: int) -> None:
    """At most half as large again as asked, overlap not counted (a remainder is shared by all)."""
    for tile in tiles(16, length, size, overlap):
        assert tile.columns.stop - tile.columns.start <= 1.5 * size + 4 + 2 * overlap


def test_weights_fall_off_within_the_overlap() -> None:
    first, second = tiles(16, 256, 128, 64)
    assert (first.columns, second.columns) == (slice(0, 192), slice(64, 256))
    assert first.weight[0, : 128 - FEATHER].eq(1).all()
    assert first.weight[0, 128 + FEATHER :].eq(0).all()  # its outer part is solved and thrown away


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("size", [(16, 16), (33, 47), (64, 96)])
def test_a_part_upsampled_is_the_part_of_the_whole(scale: int, size: tuple[int, int]) -> None:
    small = torch.randn(2, 4, -(-size[0] // scale), -(-size[1] // scale), generator=torch.Generator().manual_seed(0))
    whole = upsampled(small, scale, size, slice(0, size[0]))
    assert whole.shape[-2:] == size
    for rows, columns in (
        (slice(0, 5), slice(3, 16)),
        (slice(7, size[0]), slice(5, size[1])),
        (slice(9, 10), slice(0, 1)),
    ):
        assert torch.allclose(upsampled(small, scale, size, rows, columns), whole[..., rows, columns], atol=1e-6)


def test_upsampling_keeps_a_plane() -> None:
    """No shift by half a pixel: the value of a low-resolution pixel is that of its middle."""
    x = (torch.arange(20) + 0.5) * 4
    whole = upsampled(x.expand(1, 1, 10, 20), 4, (40, 80), slice(0, 40))
    assert torch.allclose(whole[0, 0, 3, 8:72], torch.arange(8, 72) + 0.5, atol=1e-4)


@pytest.fixture(scope="module")
def blurry() -> Tensor:
    """(3, 1, H, W): a moving scene."""
    return grey(film(Scene(HEIGHT, WIDTH), 3, 8, 1.0, lambda light: light)[1])


def grey(frames: Frames) -> Tensor:
    return torch.from_numpy(frames).float().mean(-1)[:, None] / 255


@pytest.fixture(scope="module")
def solved(blurry: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(whole, tiled, abrupt): two instants of frame 1, solved at once, by tiles, and by tiles without overlap."""

    def run(tile: int, overlap: int | None = None) -> Tensor:
        engine = Engine(parse_options(factor=2, shutter=1.0, transfer="linear", device="cpu"), HEIGHT, WIDTH, 1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                engine_module,
                "tiles",
                lambda h, w, _, o, device: tiles(h, w, tile, o if overlap is None else overlap, device),
            )
            return torch.stack(list(engine.restore(Window(blurry, 0, 0, 3, colour=1), [1.25, 1.75])))

    return run(512), run(TILE), run(TILE, overlap=0)


def test_tiled_and_whole_are_all_but_the_same(solved: tuple[Tensor, Tensor, Tensor]) -> None:
    whole, tiled, _ = solved
    assert not torch.equal(whole, tiled)  # it was tiled indeed
    assert psnr(whole, tiled) > 50


def steps(a: Tensor, b: Tensor, seams: list[int]) -> tuple[float, float]:
    """How steep the difference of two pictures is across the seams between columns, and on average everywhere."""
    slopes = (a - b).diff(dim=-1).abs()
    return float(slopes[..., [c - 1 for c in seams]].mean()), float(slopes.mean())


def test_no_seam_shows(solved: tuple[Tensor, Tensor, Tensor]) -> None:
    whole, tiled, abrupt = solved
    across, down = [52, 104], [48]
    for seams, turn in ((across, False), (down, True)):
        w, t, a = (x.mT if turn else x for x in (whole, tiled, abrupt))
        at_seams, elsewhere = steps(t, w, seams)
        assert at_seams < 0.25 / 255
        assert at_seams < 4 * elsewhere
        assert steps(a, w, seams)[0] > 2 / 255  # without overlap a seam shows, and so does it in this measure


def test_tiled_is_as_good_as_whole(solved: tuple[Tensor, Tensor, Tensor]) -> None:
    sharp, _ = film(Scene(HEIGHT, WIDTH), 3, 2, 1.0, lambda light: light)
    truth = grey(sharp[2:4])  # the instants 1.25 and 1.75
    whole, tiled, _ = solved
    assert psnr(tiled, truth) > psnr(whole, truth) - 0.1
