"""A flow that loses an object in one pair of frames is helped by the pair beside it."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.support.moving import texture
from vsdeblur.flow.continuation import Prediction
from vsdeblur.flow.continuation import continued as all_continued
from vsdeblur.flow.motion import PairwiseFlow
from vsdeblur.flow.pairwise import PairwiseMotion
from vsdeblur.flow.together import Flows
from vsdeblur.window import Window

SIZE, EDGE, SPEED = 64, 12, 10


def frame(left: float) -> Tensor:
    """(1, 64, 64): a small bright square at x = left on a dark still texture."""
    picture = texture(SIZE, SIZE, seed=3) * 0.4
    picture[:, 26 : 26 + EDGE, round(left) : round(left) + EDGE] = 0.6 + texture(EDGE, EDGE, seed=4) * 0.4
    return picture


def true_flow(left: float, moved: float) -> Tensor:
    flow = torch.zeros(2, SIZE, SIZE)
    flow[0, 26 : 26 + EDGE, round(left) : round(left) + EDGE] = moved
    return flow


def blind(a: Tensor, b: Tensor) -> Tensor:
    return torch.zeros(2, *a.shape[-2:])


def continued(flow: PairwiseFlow, *one: Tensor) -> Tensor:
    return all_continued(Flows(flow), [Prediction(*one)])[0]


def test_a_lost_object_is_found_where_it_was_going() -> None:
    a, b = frame(20), frame(20 + SPEED)
    flow = continued(blind, a, b, torch.zeros(2, SIZE, SIZE), true_flow(20, SPEED))
    inside = flow[0, 28:36, 22:30]
    assert (inside == SPEED).float().mean() > 0.9
    assert flow[:, :20].abs().max() == 0  # the still ground stays still


def test_a_good_flow_is_kept_whatever_is_foretold() -> None:
    a, b = frame(20), frame(20 + SPEED)
    good = true_flow(20, SPEED)
    assert continued(blind, a, b, good, torch.zeros_like(good)) is good


def test_the_flow_engine_corrects_what_is_foretold() -> None:
    a, b = frame(20), frame(20 + SPEED)
    predicted = torch.zeros(2, SIZE, SIZE)
    predicted[0] = SPEED - 2

    def two_more(_a: Tensor, _b: Tensor) -> Tensor:
        return torch.full((2, SIZE, SIZE), 2.0) * torch.tensor([1.0, 0.0])[:, None, None]

    flow = continued(two_more, a, b, torch.zeros(2, SIZE, SIZE), predicted)
    assert (flow[0, 28:36, 22:30] == SPEED).float().mean() > 0.9


def test_a_window_uses_the_neighbouring_pair_and_its_duration() -> None:
    """Found from frame 1 back to 0, lost from 1 on to 2, which lasts twice as long."""
    places = (8, 18, 38)
    frames = torch.stack([frame(x) for x in places])

    def one_sided(a: Tensor, b: Tensor) -> Tensor:
        if torch.equal(a, frames[1]) and torch.equal(b, frames[0]):
            return true_flow(places[1], places[0] - places[1])
        return torch.zeros(2, SIZE, SIZE)

    window = Window(frames, 0, 0, 3, durations=(1.0, 2.0, 2.0))
    motion = PairwiseMotion(one_sided, linear=False)(window, 0.5)
    velocity = motion.path[1, 0, 28:36, 20:28] + motion.path[1, 2, 28:36, 20:28] / 2
    assert abs(float(velocity.median()) - 20) < 0.5
