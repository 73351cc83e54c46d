"""The sharp result, blurred again to a chosen shutter."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor

from vsdeblur import restore
from vsdeblur.errors import ArgumentError
from vsdeblur.settings import parse_options
from vsdeblur.synthetic.scene import Scene, film


@cache
def scene() -> tuple[Tensor, Tensor]:
    """Frames of a shutter that is never closed, and the sharp scene in the middle of each."""
    sharp, blurry = film(Scene(80, 128), 4, 9, 1.0, lambda light: light)
    v, u = (torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255 for x in (blurry, sharp[4::9]))
    return v, u


def error(a: Tensor, b: Tensor) -> float:
    return float((a - b)[1:-1].square().mean())


def test_the_output_has_the_blur_that_was_asked_for() -> None:
    v, sharp = scene()
    plain = restore(v, preset="fast")
    again = [restore(v, preset="fast", out_shutter=s) for s in (0.5, 1.0)]
    assert error(again[1], v) < 0.3 * error(plain, v)
    assert error(plain, sharp) < error(again[0], sharp) < error(again[1], sharp)
    assert error(plain, v) > error(again[0], v) > error(again[1], v)


def test_no_output_shutter_is_the_plain_result() -> None:
    v = scene()[0][:3]
    assert torch.equal(restore(v, 2, preset="fast"), restore(v, 2, preset="fast", out_shutter="0"))


def test_every_way_to_say_it_and_what_is_refused() -> None:
    for said, meant in ((0, 0.0), ("0.25", 0.25), ("180deg", 0.5), (1, 1.0), ("360°", 1.0)):
        assert parse_options(out_shutter=said).out_shutter == meant
    for wrong in (-0.1, 1.1, "400deg", "1/60s", "auto", None, True, float("nan"), ""):
        with pytest.raises(ArgumentError, match="out_shutter"):
            parse_options(out_shutter=wrong)
    with pytest.raises(ArgumentError, match="out_shutter"):
        restore(torch.rand(2, 1, 16, 16), 2, flow=torch.zeros(3, 2, 16, 16), out_shutter=0.5)


def test_every_face_has_it() -> None:
    import inspect

    from vsdeblur import deblur
    from vsdeblur.cli.transcode import transcode as command
    from vsdeblur.filters.pyav import transcode

    for face in (deblur, restore, transcode):
        assert inspect.signature(face).parameters["out_shutter"].default == 0
    assert "out_shutter" in [option.name for option in command.params]
