"""How each place was restored: the shares, where they lie at an instant, and that asking for them changes nothing."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.support.solved import solved_window
from vsdeblur.camera.overlay import Overlay
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.mapped import ways_at
from vsdeblur.engine.ways import ALONE, LIGHTS, MOVED, OVERLAY, SHARPENED, STILL, WAYS
from vsdeblur.flow.motion import Motion
from vsdeblur.settings import parse_options
from vsdeblur.solver.render.solved import SolvedWindow
from vsdeblur.window import Window

H, W, SPEED = 16, 32, 8
FRAMES = torch.full((2, 3, H, W), 0.5)
WINDOW = Window(FRAMES, 0, 0, 2)


def solved(trust: Tensor | float = 1.0, speed: float = SPEED, **given: Tensor) -> SolvedWindow:
    """Two frames that move evenly to the right."""
    path = torch.zeros(2, 4, H, W)
    path[:, 0] = speed
    return solved_window(
        FRAMES, FRAMES, Motion(path, torch.ones(2, 1, H, W) * trust, torch.ones(2, 2, H, W)), 0.5, **given
    )


def shares(found: Tensor) -> list[float]:
    """The ways' shares, the same everywhere."""
    assert torch.allclose(found.sum(0), torch.ones(()), atol=1e-5)
    assert (found - found[:, :1, :1]).abs().max() < 1e-5
    return [round(share, 4) for share in found[:, 0, 0].tolist()]


def only(**given: float) -> list[float]:
    return [given.get(way.name, 0.0) for way in WAYS]


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9, 1.4])
def test_trust_in_the_motion_is_the_share_of_what_was_sharpened(t: float) -> None:
    assert shares(ways_at(solved(0.75), WINDOW, t)) == only(sharpened=0.75, moved=0.25)


def test_what_does_not_move_is_the_input() -> None:
    assert shares(ways_at(solved(speed=0.0), WINDOW, 0.5)) == only(still=1.0)
    assert shares(ways_at(solved(0.5, speed=0.125), WINDOW, 0.5)) == only(sharpened=0.25, moved=0.25, still=0.5)


def test_frames_by_themselves_and_lights() -> None:
    half = torch.full((2, 1, H, W), 0.5)
    assert shares(ways_at(solved(joint=half), WINDOW, 0.5)) == only(sharpened=0.5, alone=0.5)
    assert shares(ways_at(solved(joint=half, lights=half), WINDOW, 0.5)) == only(sharpened=0.5, lights=0.5)
    both = ways_at(solved(joint=half / 2, lights=half), WINDOW, 0.5)
    assert shares(both) == only(sharpened=0.25, alone=0.25, lights=0.5)
    assert shares(ways_at(solved(speed=0.0, joint=torch.zeros(2, 1, H, W)), WINDOW, 0.5)) == only(alone=1.0)


def test_an_overlay_stands_over_all() -> None:
    mask = torch.zeros(H, W, dtype=torch.bool)
    mask[:4] = True
    window = Window(FRAMES, 0, 0, 2, overlay=Overlay.of(FRAMES, mask))
    found = ways_at(solved(), window, 0.5)
    assert (found[OVERLAY, :4] == 1).all()
    assert (found[SHARPENED, :4] == 0).all()
    assert (found[SHARPENED, 4:] == 1).all()


def test_shares_move_with_the_picture() -> None:
    """What is not trusted in the first frame lies half a period's motion on at the instant between, by half."""
    trust = torch.ones(2, 1, H, W)
    trust[0, ..., 8:12] = 0
    trust[1, ..., 16:20] = 0  # the same points a period later
    found = ways_at(solved(trust), WINDOW, 0.75)[MOVED, H // 2]
    assert (found[12:16] > 0.99).all()
    assert (found[:11] < 0.01).all()
    assert (found[17:] < 0.01).all()


@pytest.mark.parametrize("given", [{}, {"readout": 0.5}, {"out_shutter": 0.5}], ids=str)
def test_asking_changes_no_picture(blurry: Tensor, given: dict[str, object]) -> None:
    options = parse_options(factor=2, shutter=1.0, preset="fast", transfer="srgb", **given)
    engine = Engine(options, *blurry.shape[-2:])
    window, instants = Window(blurry, 0, 1, 3), [1.25, 1.75, 2.25]
    found: list[Tensor] = []
    counts: list[int] = []
    asked = []
    for picture in engine.restore(window, instants, ways=found.append):
        asked.append(picture.clone())
        counts.append(len(found))
    assert counts == [1, 2, 3]
    assert torch.equal(torch.stack(asked), torch.stack(list(engine.restore(window, instants))))
    for ways in found:
        assert torch.allclose(ways.sum(0), torch.ones(()), atol=1e-4)
        assert float(ways.min()) > -1e-5
        assert float(ways[[SHARPENED, MOVED]].sum(0).mean()) > 0.3


def test_one_picture_by_itself(blurry: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(parse_options(mode="frame", transfer="srgb"), *blurry.shape[-2:])
    monkeypatch.setattr(engine, "per_frame", lambda frame, colour: frame)  # which takes long
    found: list[Tensor] = []
    assert len(list(engine.restore(Window(blurry, 0, 1, 1), [1.5], ways=found.append))) == 1
    assert [float(one[ALONE]) for one in found] == [1.0]
    assert float(found[0][[LIGHTS, STILL]].sum()) == 0
