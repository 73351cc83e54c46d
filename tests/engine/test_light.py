"""Light that changes from frame to frame, and pictures in the picture that cut: what comes out beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.lit import HEIGHT, WIDTH, as_stored, exposed, ground, panned
from vsdeblur import restore
from vsdeblur.engine.kept import Kept

torch.set_num_threads(1)

CODE = 1 / 255
LIGHTS = {
    "flash": [0.3] * 4 + [1.0] + [0.3] * 4,
    "one dark frame": [1.0] * 4 + [0.2] + [1.0] * 4,
    "strobe": [1.0, 0.25] * 4 + [1.0],
    "lights off": [1.0] * 4 + [0.15] * 5,
    "fade to black": [1 - n / 8 for n in range(9)],
    "faint flicker": [0.8, 0.75] * 4 + [0.8],
}


@dataclass
class Case:
    light: str
    shutter: float = 0.5
    speed: float = 4.0
    frames: int = 9
    given: dict[str, Any] = field(default_factory=dict)


CASES = [
    *(Case(light, shutter) for light, shutter in zip(LIGHTS, (0.1, 0.5, 1.0, 1.0, 0.5, 0.1), strict=True)),
    *(Case(light, 1.0) for light in ("flash", "fade to black")),
    *(Case(light, speed=0.0) for light in ("flash", "strobe")),
    Case("flash", given={"factor": 1}),
    *(Case("strobe", frames=5, given={"preset": preset}) for preset in ("balanced", "best")),
    Case("lights off", given={"readout": 0.4}),
    Case("strobe", given={"out_shutter": 0.5}),
    Case("flash", given={"flow": "dis", "prior": "tv"}),
]


def restored(v: Tensor, **given: Any) -> Tensor:
    known = {"factor": 2, "preset": "fast", "transfer": "srgb", "device": "cpu", **given}
    return restore(v, **known)


def around(v: Tensor, t: float, shutter: float) -> Tensor:
    """The means of the two exposures between whose middles the instant t of the clip lies."""
    n = int(t)
    other = n + 1 if t - n > shutter / 2 else n - 1
    return v[[n, min(max(other, 0), len(v) - 1)]].mean((1, 2, 3))


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.light}-{c.shutter}-{c.speed}-{c.given or ''}")
def test_no_output_is_darker_or_brighter_than_the_exposures_around_it(case: Case) -> None:
    v = panned(LIGHTS[case.light][: case.frames], case.speed, case.shutter)
    u = restored(v, shutter=case.shutter, **case.given)
    factor = case.given.get("factor", 2)
    for j, mean in enumerate(u.mean((1, 2, 3))):
        t = j + case.shutter / 2 if factor == 1 else (j + 0.5) / factor
        near = around(v, t, case.shutter)
        assert near.min() - CODE <= mean <= near.max() + CODE, f"output {j} at {t:.2f}"
    if not case.speed:  # what stands still comes out as it was, in the light of its own exposure
        assert float((u - v.repeat_interleave(factor, 0)).abs().mean()) < 0.5 * CODE


def test_lightning_from_one_side_keeps_the_brightness_of_its_exposures() -> None:
    """A gain found along the motion has the slope of brightness in it; an instant is not to take the slope along."""
    slope, shutter = torch.linspace(0.3, 1, WIDTH), 0.1
    v = (panned([0.3, 0.35, 1.0, 0.5, 0.25], 6.0, shutter) * slope * 255).round() / 255
    for j, mean in enumerate(restored(v, shutter=shutter).mean((1, 2, 3))):
        near = around(v, (j + 0.5) / 2, shutter)
        assert near.min() - CODE <= mean <= near.max() + CODE, f"output {j}"


def test_a_pan_in_a_strobe_is_as_sharp_as_in_even_light() -> None:
    """Motion is found through the changes of light: in the bright frames the result is that of even light."""
    even, strobe = (restored(panned(gains, 6.0, 0.8), shutter=0.8) for gains in ([1.0] * 9, LIGHTS["strobe"]))
    bright = [j for j in range(4, 14) if not (j // 2) % 2]
    assert float((even[bright] - strobe[bright]).square().mean().sqrt()) < 4 * CODE


def test_a_lamp_that_lights_a_part_changes_that_part_alone() -> None:
    columns = np.arange(WIDTH)
    lamp = 0.35 * np.exp(-(((columns - 30) / 22.0) ** 2))[None, :, None]
    on = [n % 3 == 1 for n in range(9)]
    frames = [exposed(ground(5), n, 3.0, 0.5) * (0.4 + lamp * lit) for n, lit in enumerate(on)]
    v = as_stored(frames)
    u = restored(v, shutter=0.5)
    for part in (slice(15, 45), slice(90, 128)):
        for j, mean in enumerate(u[..., part].mean((1, 2, 3))):
            near = around(v[..., part], (j + 0.5) / 2, 0.5)
            assert near.min() - 1.5 * CODE <= mean <= near.max() + 1.5 * CODE, f"output {j}"


def test_ordinary_frames_are_not_touched() -> None:
    """Where light does not change nothing is computed but the comparison, so that not a bit changes."""
    from vsdeblur.clip.light import find_light
    from vsdeblur.colour.transfer import to_linear
    from vsdeblur.window import Window

    for speed in (0.0, 2.0, 7.0):
        light = to_linear(panned([0.8] * 9, speed, 0.8), "srgb")
        assert find_light(Window(light, 0, 0, 9)) is None


@pytest.mark.parametrize("preset", ["fast", "best"])
def test_a_picture_in_the_picture_that_cuts_is_not_blended(preset: str) -> None:
    big, first, second = ground(5), 0.3 * ground(6), 0.4 + 0.6 * ground(7)

    def frame(n: int) -> np.ndarray:
        whole = 0.8 * exposed(big, n, 3.0, 0.5)
        whole[10:40, 80:120] = exposed(first if n < 5 else second, n, 1.0, 0.5, (30, 40))
        return whole

    v = as_stored([frame(n) for n in range(2, 8)])
    u = restored(v, shutter=0.5, factor=4, preset=preset)
    inner = (slice(None), slice(None), slice(13, 37), slice(83, 117))
    for j, mean in enumerate(u[inner].mean((1, 2, 3))):
        assert abs(float(mean - v[inner][j // 4].mean())) < 3 * CODE, f"output {j}"
    assert u.shape[-2:] == (HEIGHT, WIDTH)


def test_beside_a_flash_that_clips_nothing_is_blended() -> None:
    """A frame that is white has no structure that a gain could give back: it is as if cut from its neighbours."""
    frames = [0.4 * exposed(ground(5), n, 4.0, 0.5) if n != 5 else np.ones((HEIGHT, WIDTH, 3)) for n in range(2, 8)]
    v = as_stored(frames)
    u = restored(v, shutter=0.5, factor=4)
    for j, mean in enumerate(u.mean((1, 2, 3))):
        assert abs(float(mean - v[j // 4].mean())) < 2 * CODE, f"output {j}"


def test_what_is_kept_of_exposures_changes_no_result() -> None:
    """With little memory the residuals with and without blending take turns."""
    v = panned([0.3, 0.35, 1.0, 0.5, 0.25], 6.0, 0.5)
    v[2:4, :, :20, :60] = v[2:4, :, :20, 60:120]  # a part that cuts, so that only some of a frame is not blended
    both = restored(v, shutter=0.5)
    with patch.object(Kept, "of", partial(lambda of, count: of(1), Kept.of)):
        assert torch.equal(restored(v, shutter=0.5), both)
