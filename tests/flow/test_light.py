"""Motion between frames whose light changes is that of even light."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tests.support.lit import panned
from vsdeblur.clip.light import find_light
from vsdeblur.colour.transfer import to_linear
from vsdeblur.flow.dis import DisFlow
from vsdeblur.flow.motion import displacement
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.window import Window

torch.set_num_threads(1)

SPEED, SHUTTER = 6.0, 0.5
LIGHTS = {
    "even": [0.8] * 6,
    "flash": [0.3, 0.3, 1.0, 0.3, 0.3, 0.3],
    "strobe": [1.0, 0.25] * 3,
    "fade": [1 - n / 7 for n in range(6)],
    "lights off": [1.0, 1.0, 1.0, 0.2, 0.2, 0.2],
}


@pytest.mark.parametrize("name", LIGHTS)
def test_motion_is_found_through_changes_of_light(name: str) -> None:
    window = Window(to_linear(panned(LIGHTS[name], SPEED, SHUTTER), "srgb"), 0, 0, 6)
    light = find_light(window)
    assert (light is None) == (name == "even")
    if light is not None:
        window = replace(window, frames=light.normalised(window.frames), light=light)
    motion = PairwiseMotion(DisFlow("medium"), linear=True)(window, SHUTTER)
    moved = displacement(motion.path, 1.0) / motion.scale(*window.frames.shape[-2:])
    inner = moved[..., 2:-2, 4:-4]
    error = (inner - torch.tensor([-SPEED, 0.0])[:, None, None]).norm(dim=1)
    assert float(error.median()) < 0.2
    assert float(error.flatten(1).median(1).values.max()) < 0.5
