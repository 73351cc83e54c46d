"""Sub-frames that agree along the motion: less D2, the same exposures."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from tests.support.moving import gliding, inner
from tests.support.operators import check_adjoint, check_symmetric
from tests.support.solved import solved_window
from vsdeblur import restore
from vsdeblur.engine.plan import make_plan
from vsdeblur.flow import find_fast_flow
from vsdeblur.flow.motion import Motion
from vsdeblur.settings import Options
from vsdeblur.solver.consistency import (
    SCALE,
    STEP,
    TILES,
    SubFramePairs,
    TemporalConsistency,
    keep_exposures,
    projected_steps,
    reaches,
)
from vsdeblur.solver.coupling import Coupling, links_of, robust_gradient
from vsdeblur.solver.data_weights import DataWeights
from vsdeblur.solver.render.geometry import onward_paths
from vsdeblur.solver.render.solved import SolvedWindow

FACTOR, SPEED, SHUTTER = 8, 8, 0.75
WANTED = [1 + (k + 0.5) / FACTOR for k in range(FACTOR)]
OPEN = [k for k, t in enumerate(WANTED) if t - 1 <= SHUTTER]


def gliding_window(speed: int = SPEED, cuts: frozenset[int] = frozenset()) -> SolvedWindow:
    """Three frames that glide."""
    frames = gliding([(speed * n, 0) for n in range(3)])
    path = torch.zeros(3, 4, *frames.shape[-2:])
    path[:, 0] = speed
    motion = Motion(path, torch.ones(3, 1, *path.shape[-2:]), torch.ones(3, 2, *path.shape[-2:]))
    taus = ((-SHUTTER / 4, SHUTTER / 4),) * 3
    return solved_window(frames, frames, motion, SHUTTER, cuts=cuts, taus=taus)


def true(t: float) -> Tensor:
    """What glides as ``gliding_window`` does, by a pixel from one sub-frame to the next."""
    return gliding([(round(SPEED * t - 0.5), 0)])[0]


def noisy(t: float) -> Tensor:
    """Every instant errs by itself."""
    seed = torch.Generator().manual_seed(round(1000 * t))
    clean = true(t)
    return clean + 0.05 * torch.randn(clean.shape, generator=seed)


def consistency(given: SolvedWindow, at: Callable[[float], Tensor] = noisy) -> TemporalConsistency:
    return TemporalConsistency(given, at, find_fast_flow(linear=False), 1 / FACTOR)


def test_sub_frames_up_to_half_a_period_apart_are_coupled() -> None:
    expected = {1: (), 2: (1,), 4: (1, 2), 5: (1, 2), 8: (1, 2, 4), 16: (2, 4, 8)}
    assert {factor: reaches(1 / factor) for factor in expected} == expected


def test_a_projected_change_leaves_every_exposure_as_it_was() -> None:
    change = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    opened = torch.zeros(2, 4, 1, 5, 1)
    opened[0, :2] = opened[1, 3] = 1
    opened[1, 2, :, :2] = 1  # some rows of the third lie in the last exposure
    given = change.clone()
    keep_exposures(change, list(opened))
    assert change[:2].mean(0).abs().max() < 1e-6
    assert torch.equal(change[2, :, 2:], given[2, :, 2:])  # between exposures
    assert (change[2:, :, :2].mean(0)).abs().max() < 1e-6
    assert not bool(change[3, :, 2:].any())  # alone in its exposure


def test_in_linear_light_the_dark_gives_the_least() -> None:
    """What one sub-frame gains others lose: by what a display shows of it."""
    change, light = torch.zeros(2, 1, 1, 2), torch.tensor([[0.81, 0.81], [0.81, 0.01]]).view(2, 1, 1, 2)
    change[0] = 0.1
    opened = torch.ones(2, 1, 1, 1)
    keep_exposures(change, [opened], DataWeights(linear=True).step(light))
    assert change.sum(0).abs().max() < 1e-6
    assert change[1, 0, 0].tolist() == pytest.approx([-0.05, -0.01], abs=1e-4)


def test_the_gradient_is_that_of_d2() -> None:
    """The majorising squares of D2 touch it: their gradient is its own (tests/solver/test_coupling.py)."""
    g = torch.Generator().manual_seed(3)
    u = torch.randn(4, 3, 24, 28, generator=g, dtype=torch.float64)
    flow = torch.randn(3, 2, 24, 28, generator=g, dtype=torch.float64)
    links = links_of(flow, -flow, 1)
    found = robust_gradient(u, [(slice(0, 4), link) for link in links], SCALE)
    torch.testing.assert_close(found, Coupling(tuple(links), SCALE).majorised(u).gram(u))


def test_the_links_between_sub_frames_have_their_adjoint() -> None:
    """Along the paths of the key frames and along steps between sub-frames."""
    g = torch.Generator().manual_seed(4)
    paths, steps = (torch.randn(n, 4, 12, 14, generator=g, dtype=torch.float64) for n in (5, 4))
    for far in (True, False):
        pairs = SubFramePairs(slice(1, 5), 2, far, (0.5, 0.5), (-0.5, -0.5), (True, True))
        for link in pairs.links(paths, steps):
            check_adjoint(link, (4, 3, 12, 14))


def test_the_projection_of_a_change_is_symmetric_and_idempotent() -> None:
    opened = torch.zeros(2, 4, 1, 5, 1, dtype=torch.float64)
    opened[0, :2] = opened[1, 3] = opened[1, 2, :, :2] = 1

    def projected(change: Tensor) -> Tensor:
        return keep_exposures(change.clone(), list(opened))

    check_symmetric(projected, (4, 3, 5, 6))
    once = projected(torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64))
    torch.testing.assert_close(projected(once), once)


def test_steps_lower_d2_and_touch_only_what_may_change() -> None:
    u = torch.stack([noisy(t) for t in WANTED])
    step = torch.zeros(FACTOR - 1, 2, *u.shape[-2:])
    step[:, 0] = SPEED / FACTOR
    links = links_of(step, -step, 1)
    coupling, own = Coupling(tuple(links), SCALE), slice(2, 6)
    after = u.clone()
    change = projected_steps(after, [(slice(0, FACTOR), link) for link in links], own, [], 0.1, DataWeights())
    assert torch.equal(after[:2], u[:2])
    assert torch.equal(after[6:], u[6:])
    torch.testing.assert_close(after[own] - u[own], change)
    assert coupling.energy(after) < 0.8 * coupling.energy(u)


@torch.inference_mode()
def test_what_errs_by_itself_comes_nearer_to_the_truth() -> None:
    found = torch.stack(list(consistency(gliding_window()).instants(WANTED)))
    before = torch.stack([noisy(t) for t in WANTED])
    truth = torch.stack([true(t) for t in WANTED])
    errors = [float((inner(x) - inner(truth)).square().mean()) for x in (before, found)]
    assert errors[1] < 0.7 * errors[0]
    mean = [x[OPEN].mean(0) for x in (before, found)]
    assert (mean[1] - mean[0]).abs().max() < 1e-3  # half precision


@torch.inference_mode()
def test_the_same_whatever_the_frames_are_asked_with() -> None:
    """A frame's sub-frames do not depend on which other frames are asked for."""
    alone = list(consistency(gliding_window()).instants(WANTED))
    first = [(k + 0.5) / FACTOR for k in range(FACTOR)]
    together = list(consistency(gliding_window()).instants([*first, *WANTED]))[FACTOR:]
    assert all(torch.equal(x, y) for x, y in zip(alone, together, strict=True))


@torch.inference_mode()
def test_nothing_is_shared_across_a_cut() -> None:
    cut = gliding_window(cuts=frozenset({1, 2}))

    def elsewhere(t: float) -> Tensor:
        return noisy(t) if 1 <= t < 2 else torch.zeros_like(true(t))

    found, again = (list(consistency(cut, at).instants(WANTED)) for at in (noisy, elsewhere))
    assert all(torch.equal(x, y) for x, y in zip(found, again, strict=True))


@torch.inference_mode()
def test_what_stands_still_is_not_touched() -> None:
    given = gliding_window(speed=0)
    for u in consistency(given, lambda t: given.frames[1]).instants(WANTED):
        assert torch.equal(u, given.frames[1])


@torch.inference_mode()
def test_few_sub_frames_stay_as_they_are() -> None:
    given = TemporalConsistency(gliding_window(), noisy, find_fast_flow(linear=False), 1.0)
    assert torch.equal(next(given.instants([1.3])), noisy(1.3))


@torch.inference_mode()
def test_points_go_on_from_where_they_are() -> None:
    """On a curve, between key frames of unequal periods: the paths from an instant lead to the next key frame."""
    height, width, velocity, bend = 8, 9, 6.0, 2.0
    path = torch.zeros(2, 4, height, width)
    path[0, 0], path[0, 2] = velocity, bend
    path[1, 0], path[1, 2] = (velocity + bend) / 2, bend / 4  # of a period half as long
    motion = Motion(path, torch.ones(2, 1, height, width), torch.ones(2, 2, height, width))
    keys = torch.zeros(2, 3, height, width)
    given = solved_window(keys, keys, motion, 0.5, spans=(1.0, 2.0), band=8)
    before = onward_paths(given, 0.75)[0, :, 4, 4].tolist()  # half a period after the first middle
    assert before[0] == pytest.approx(velocity + bend * 0.5, abs=0.2)
    assert before[2] == pytest.approx(bend, abs=1e-4)
    after = onward_paths(given, 1.1)[0, :, 4, 4].tolist()  # in periods of the second frame
    assert after[0] == pytest.approx(before[0] / 2, abs=0.4)
    assert after[2] == pytest.approx(bend / 4, abs=1e-4)


def test_memory_is_planned_or_the_step_left_out_aloud(caplog: pytest.LogCaptureFixture) -> None:
    options = Options(factor=Fraction(8), shutter=0.5, preset="best", max_memory=2 << 30)
    assert make_plan(options, 1080, 1920, 3, 0).consistent == TILES[0]
    assert make_plan(replace(options, max_memory=900 << 20), 1080, 1920, 3, 0).consistent == TILES[1]
    assert not make_plan(replace(options, preset="balanced"), 1080, 1920, 3, 0).consistent
    assert not make_plan(replace(options, out_shutter=0.5), 1080, 1920, 3, 0).consistent
    assert not caplog.records
    with caplog.at_level(logging.WARNING, "vsdeblur"):
        small = make_plan(replace(options, max_memory=800 << 20), 1080, 1920, 3, 0)
    assert not small.consistent
    assert small.peak_bytes <= 800 << 20
    assert "without temporal consistency" in caplog.text


def test_no_step_grows_along_the_motion() -> None:
    f = torch.linspace(0, 0.5, 501)
    for factor in (2, 4, 8, 16):
        apart = reaches(1 / factor)
        most = sum(8 * (torch.pi * f * r).sin().square() for r in apart)
        assert isinstance(most, Tensor)
        assert STEP / (1 + len(apart)) * float(most.max()) < 1.95


@pytest.mark.parametrize("shutter", [1.0, 0.5])
def test_best_is_nearer_to_the_truth_with_them(monkeypatch: pytest.MonkeyPatch, shutter: float) -> None:
    shifts, error = range(round(SPEED * shutter)), {}
    v = torch.stack([gliding([(SPEED * n + k, 0) for k in shifts], 96, 128).mean(0) for n in range(4)])
    truth = gliding([(j, 0) for j in range(FACTOR, 3 * FACTOR)], 96, 128)
    for consistent in (True, False):
        monkeypatch.setattr("vsdeblur.engine.plan.uses_consistency", lambda _, consistent=consistent: consistent)
        u = restore(v, FACTOR, shutter=shutter, transfer="linear", preset="best")[FACTOR : 3 * FACTOR]
        error[consistent] = float(inner(u - truth).square().mean())
    assert error[True] < 0.95 * error[False]


@pytest.mark.parametrize("factor", [1, 2])
def test_few_frames_and_rows_that_see_different_exposures_take_it(factor: int) -> None:
    v = gliding([(6 * n, 0) for n in range(4)])
    assert restore(v[:1], factor, preset="best").isfinite().all()
    rolled, again = (restore(v, factor, shutter=0.5, readout=0.5, preset="best") for _ in range(2))
    assert torch.equal(rolled, again)
    assert rolled.isfinite().all()
