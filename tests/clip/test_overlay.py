"""Text over a moving picture: no part of it beside it, and nothing is done where there is none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.support.lit import HEIGHT, WIDTH, as_stored, exposed, ground, panned, view
from vsdeblur import restore
from vsdeblur.clip.overlay import find_overlay
from vsdeblur.colour.transfer import to_linear
from vsdeblur.window import Window

torch.set_num_threads(1)

SPEED, SHUTTER = 6.0, 0.8


def text() -> np.ndarray:
    """(HEIGHT, WIDTH, 1) in [0, 1]."""
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.putText(picture, "STATIC ab", (12, 58), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 2, cv2.LINE_AA)
    return picture[..., None].astype(np.float32) / 255


def test_beside_text_the_picture_is_what_moves_under_it() -> None:
    over = text()
    moving = [0.15 + 0.5 * exposed(ground(5), n, SPEED, SHUTTER) for n in range(8)]
    v = as_stored([frame * (1 - over) + 0.95 * over for frame in moving])
    covered = torch.from_numpy(over[..., 0])
    inside, beside = (F.max_pool2d(covered[None, None], size, 1, size // 2)[0, 0] > 0 for size in (3, 9))
    overlay = find_overlay(Window(to_linear(v, "srgb"), 0, 0, 8))
    assert overlay is not None
    assert float(overlay.mask[covered > 0.5].float().mean()) > 0.8
    assert not bool((overlay.mask & ~beside).any())
    u = restore(v, factor=4, shutter=SHUTTER, preset="fast", transfer="srgb", device="cpu")
    errors = []
    for j in range(8, 24):
        truth = torch.from_numpy(0.15 + 0.5 * view(ground(5), SPEED * (j + 0.5) / 4)).permute(2, 0, 1)
        errors.append(float((u[j] - truth)[:, beside & ~inside].abs().mean()))
        assert float((u[j] - v[j // 4])[:, overlay.mask].abs().max()) < 1 / 255  # text is passed through
    assert np.mean(errors) < 1.1 / 255  # 1.5 where text is left in, 3 where frames are repeated


def test_alpha_does_not_hide_an_overlay() -> None:
    over = text()
    grey = as_stored([exposed(ground(5), n, SPEED, SHUTTER) * (0.7 - 0.7 * over) + 0.95 * over for n in range(8)])
    alpha = torch.rand(8, 1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(1))
    frames = torch.cat((to_linear(grey, "srgb")[:, :1], alpha), 1)
    assert find_overlay(Window(frames, 0, 0, 8, colour=1)) is not None


def test_without_an_overlay_none_is_found() -> None:
    for speed in (0.0, 3.0):
        assert find_overlay(Window(to_linear(panned([0.8] * 8, speed, 0.5), "srgb"), 0, 0, 8)) is None
    still = as_stored([np.repeat(text(), 3, 2)] * 8)
    assert find_overlay(Window(still, 0, 0, 8)) is None


@pytest.mark.parametrize("opacity", [0.6, 0.3])
def test_a_faint_overlay_is_found(opacity: float) -> None:
    over = opacity * text()
    v = as_stored([exposed(ground(5), n, 3.0, 0.5) * (1 - over) + 0.95 * over for n in range(8)])
    overlay = find_overlay(Window(to_linear(v, "srgb"), 0, 0, 8))
    assert overlay is not None
    assert float(overlay.mask[torch.from_numpy(text()[..., 0] > 0.5)].float().mean()) > 0.6


def test_of_a_wide_picture_blocks_are_looked_at() -> None:
    """A pixel of the small one is two by two of the wide one, and its strokes are found all the same."""

    def wide(picture: np.ndarray) -> np.ndarray:
        return np.tile(picture.repeat(2, 0).repeat(2, 1), (1, 3, 1))[:, :-1]

    over = text()
    v = as_stored([wide(exposed(ground(5), n, 3.0, 0.5) * (1 - over) + 0.95 * over) for n in range(4)])
    overlay = find_overlay(Window(to_linear(v, "srgb"), 0, 0, 4))
    assert overlay is not None
    assert overlay.mask.shape == (2 * HEIGHT, 6 * WIDTH - 1)
    assert float(overlay.mask[torch.from_numpy(wide(over)[..., 0] > 0.5)].float().mean()) > 0.6


def test_an_edge_that_slides_along_itself_is_no_overlay() -> None:
    """A wire before a camera that pans along it."""
    frames = [exposed(ground(5), n, 4.0, 0.5) for n in range(8)]
    for frame in frames:
        frame[30:33] = 0.95
    assert find_overlay(Window(to_linear(as_stored(frames), "srgb"), 0, 0, 8)) is None


def test_bars_stay_sharp_and_cost_the_picture_beside_them_nothing() -> None:
    """Of a letterbox: an edge that stays, along which the picture slides."""
    bar = 12

    def framed(picture: np.ndarray) -> np.ndarray:
        picture = 0.1 + 0.8 * picture
        picture[:bar], picture[-bar:] = 0, 0
        return picture

    def error(v: torch.Tensor, rows: slice) -> float:
        u = restore(v, factor=4, shutter=SHUTTER, preset="fast", transfer="srgb", device="cpu")
        truth = [0.1 + 0.8 * view(ground(5), SPEED * (j + 0.5) / 4) for j in range(8, 16)]
        if not float(v[0, :, 0].max()):
            assert float(u[:, :, : bar - 1].abs().max()) < 1 / 255
            assert float(u[:, :, -(bar - 1) :].abs().max()) < 1 / 255
        return float((u[8:16] - torch.from_numpy(np.stack(truth)).permute(0, 3, 1, 2))[:, :, rows].abs().mean())

    plain = [exposed(ground(5), n, SPEED, SHUTTER) for n in range(6)]
    beside = slice(bar, bar + 6)
    with_bars = error(as_stored([framed(frame.copy()) for frame in plain]), beside)
    without = error(as_stored([0.1 + 0.8 * frame for frame in plain]), beside)
    assert with_bars < without + 0.5 / 255


def passing(t: float) -> tuple[np.ndarray, np.ndarray]:
    """A still scene at an instant in which a square passes by the place of the text, and where the square is."""
    x = 4 + SPEED * t
    columns = np.arange(WIDTH)
    inside = np.zeros((HEIGHT, WIDTH, 1), np.float32)
    inside[34:68] = np.clip(np.minimum(columns - x + 1, x + 34 - columns), 0, 1)[None, :, None]
    square = cv2.warpAffine(0.1 + 0.8 * view(ground(7), 50.0), np.array([[1, 0, x], [0, 1, 0]]), (WIDTH, HEIGHT))
    still = 0.15 + 0.5 * view(ground(5), 0.0)
    return still + inside * (square - still), inside[..., 0] > 0


def test_text_over_a_still_scene_stays_and_nothing_beside_it_does_where_something_passes() -> None:
    """What stays in a still picture is no overlay, and needs none."""
    over, middles = text(), [(k + 0.5) / 8 * SHUTTER for k in range(8)]
    scene = [np.mean([passing(n + at)[0] for at in middles], axis=0) for n in range(6)]
    v = as_stored([frame * (1 - over) + 0.95 * over for frame in scene])
    assert find_overlay(Window(to_linear(v, "srgb"), 0, 0, 6)) is None
    u = restore(v, factor=4, shutter=SHUTTER, preset="fast", transfer="srgb", device="cpu")
    covered = torch.from_numpy(over[..., 0])
    letters, around = (F.max_pool2d(covered[None, None], size, 1, size // 2)[0, 0] > 0 for size in (3, 9))
    beside, found, repeated = around & ~letters, [], []
    for j in range(8, 16):
        instant = (j + 0.5) / 4
        truth = torch.from_numpy(passing(instant)[0]).permute(2, 0, 1)
        near = torch.from_numpy(np.any([passing(instant + apart)[1] for apart in np.linspace(-1.5, 1.5, 13)], axis=0))
        assert float((u[j] - v[j // 4])[:, covered > 0.9].abs().max()) < 1 / 255
        assert float((u[j] - v[j // 4])[:, beside & ~near].abs().mean()) < 0.3 / 255
        found.append(float((u[j] - truth)[:, beside & near].abs().mean()))
        repeated.append(float((v[j // 4] - truth)[:, beside & near].abs().mean()))
    assert np.mean(found) < 0.8 * np.mean(repeated)  # 3.8 and 5.8 code values; 2.4 without text
