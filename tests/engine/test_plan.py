"""The memory plan."""

from __future__ import annotations

import dataclasses
import re
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest
import torch

from vsdeblur.camera.noise import Noise
from vsdeblur.clip import overlay
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.light import cleaning_footprint, unblended_footprint
from vsdeblur.engine.plan import default_budget, make_plan
from vsdeblur.errors import MemoryBudgetError
from vsdeblur.footprint import FrameSize
from vsdeblur.priors import TotalVariation
from vsdeblur.settings import parse_options
from vsdeblur.solver.data_weights import DataWeights

TOO_LITTLE = 'noise is left in: prior="video" takes more memory than max_memory leaves beside tiles of this size'


def options(**given: Any) -> Any:
    return parse_options(**{"factor": 2, "shutter": 1.0, "transfer": "linear", "device": "cpu", **given})


@pytest.mark.parametrize("size", [(64, 96), (480, 640), (1080, 1920)])
@pytest.mark.parametrize("factor", [1, 8])
def test_the_smallest_budget_that_works_is_named_and_works(size: tuple[int, int], factor: int) -> None:
    with pytest.raises(MemoryBudgetError) as error:
        Engine(options(factor=factor, max_memory="1MiB"), *size)
    message = str(error.value)
    assert "\n" not in message
    match = re.search(r"at least (\S+) for", message)
    assert match is not None
    engine = Engine(options(factor=factor, max_memory=match[1]), *size)
    assert engine.plan.peak_bytes <= (engine.options.max_memory or 0)
    least = int(match[1].removesuffix("MiB"))
    if least > 1:
        with pytest.raises(MemoryBudgetError):
            Engine(options(factor=factor, max_memory=f"{least - 1}MiB"), *size)


def test_1080p_at_eight_times_the_rate_fits_in_700_mib() -> None:
    given = options(factor=8, shutter=0.5, preset="balanced", transfer="bt709", max_memory="700MiB")
    plan = make_plan(given, 1080, 1920, 3, 1920 * 1080 * 3 // 2)
    assert (plan.chunk, plan.flow_workers) == (1, 1)
    assert make_plan(options(factor=8, preset="balanced"), 1080, 1920, 3, 2**22).flow_workers > 4


@pytest.mark.parametrize(("preset", "budget"), [("fast", "1GiB"), ("balanced", "2GiB"), ("best", "4GiB")])
def test_threads_take_what_the_budget_leaves_and_change_no_cut(preset: str, budget: str) -> None:
    given = options(preset=preset, max_memory=budget)
    alone, *shared = (make_plan(given, 720, 1280, 3, 2**21, threads=count) for count in (1, 2, 4, 64))
    assert (alone.solve_workers, alone.render_workers) == (1, 1)
    for fewer, more in pairwise([alone, *shared]):
        assert fewer.peak_bytes <= more.peak_bytes <= more.budget
        assert fewer.solve_workers <= more.solve_workers
        assert 1 <= fewer.render_workers <= more.render_workers
        names = ("chunk", "halo", "tile", "rows", "consistent", "unblended", "overlap")
        assert all(getattr(fewer, name) == getattr(more, name) for name in names)
    assert shared[0].render_workers == 2
    assert shared[-1].solve_workers < 64


def test_workers_are_as_many_as_threads_where_there_is_room() -> None:
    plan = make_plan(options(preset="fast"), 360, 640, 3, 2**20, threads=8)
    assert (plan.solve_workers, plan.render_workers) == (8, 8)
    alone = make_plan(options(preset="fast"), 360, 640, 3, 2**20)
    assert plan.peak_bytes > alone.peak_bytes  # what they hold counts
    kinds = ({"solver": "admm"}, {"mode": "frame", "factor": 1})
    plans = [make_plan(options(**kind), 360, 640, 3, 0, threads=8, prior=TotalVariation(time=0.0)) for kind in kinds]
    assert [(plan.solve_workers, plan.render_workers) for plan in plans] == [(1, 1)] * 2


@pytest.mark.parametrize("preset", ["fast", "balanced", "best"])
def test_chunks_at_once_take_what_the_budget_leaves_and_change_no_cut(preset: str) -> None:
    def plan(threads: int, at_once: bool, **more: Any) -> Any:
        given = options(preset=preset, **more)
        return make_plan(given, 360, 640, 3, 2**20, threads=threads, chunks_at_once=at_once)

    alone = plan(2, False, max_memory="16GiB")
    assert alone.chunk_workers == 1
    for threads, chunks in ((1, 1), (2, 2), (3, 3), (4, 4), (64, 4)):
        several = plan(threads, True, max_memory="16GiB")
        assert several.chunk_workers == chunks
        names = ("chunk", "halo", "tile", "rows", "consistent", "unblended", "overlap")
        assert all(getattr(alone, name) == getattr(several, name) for name in names)
    both = plan(2, True, max_memory="16GiB")
    assert alone.peak_bytes < both.peak_bytes <= 2.2 * alone.peak_bytes
    assert plan(2, True, max_memory=both.peak_bytes).chunk_workers == 2
    assert plan(2, True, max_memory=both.peak_bytes - 2**20).chunk_workers == 1
    for budget in ("700MiB", "1GiB", "2GiB"):
        tight = plan(8, True, max_memory=budget)
        assert tight.peak_bytes <= tight.budget


@pytest.mark.parametrize(
    "kind",
    [
        {"prior": "internal"},
        {"prior": lambda u, sigma: u},
        {"flow": lambda a, b: torch.zeros(2, *a.shape[1:])},
        {"mode": "auto"},
        {"mode": "frame", "factor": 1},
        {"solver": "admm"},
    ],
    ids=["learns", "prior", "flow", "auto", "frame", "admm"],
)
def test_chunks_follow_one_another_where_they_may_share_something(kind: dict[str, Any]) -> None:
    prior = TotalVariation(time=0.0)
    plan = make_plan(options(**kind), 64, 96, 3, 0, threads=8, prior=prior, chunks_at_once=True)
    assert plan.chunk_workers == 1


def test_more_memory_never_makes_a_smaller_plan_and_the_default_is_fixed() -> None:
    plans = [make_plan(options(max_memory=f"{g}GiB"), 1080, 1920, 3, 2**22) for g in (2, 4, 8, 16, 32)]
    assert [p.chunk * p.tile for p in plans] == sorted(p.chunk * p.tile for p in plans)
    default = make_plan(options(), 1080, 1920, 3, 2**22)
    assert dataclasses.asdict(default) == dataclasses.asdict(plans[1])


@pytest.mark.parametrize(
    ("gigabytes", "budget"), [(1.9, 1), (3.8, 2), (5.8, 2), (7.6, 4), (15.5, 4), (23, 4), (125, 4)]
)
def test_the_default_budget_is_half_of_the_device_but_no_more_than_4_gib(gigabytes: float, budget: int) -> None:
    assert default_budget(int(gigabytes * 2**30)) == budget * 2**30


def test_a_plan_counts_the_hosts_frames() -> None:
    small, large = (make_plan(options(max_memory="3GiB"), 720, 1280, 3, host) for host in (0, 2**23))
    assert (large.peak_bytes, large.chunk) != (small.peak_bytes, small.chunk)


def test_the_copy_of_cleaned_frames_counts() -> None:
    """Of a window of 12 frames; where it is the most that is held at once, the plan is larger by it."""
    size = FrameSize(480, 640, 3)
    assert cleaning_footprint(size, 12) == (12 + 6) * size.frame
    with patch("vsdeblur.engine.footprints.cleaning_footprint", lambda size, frames: 2**33):
        plan = make_plan(options(max_memory="16GiB"), 480, 640, 3, 0)
    assert 2**33 < plan.peak_bytes < 2**34


def test_the_search_for_light_and_overlays_counts() -> None:
    """An overlay's pixels are there until the last instant; the pictures that are looked at are within the copy."""
    size = FrameSize(480, 640, 3)
    assert overlay.footprint(size, 12) == pytest.approx(0.1 * 12 * size.frame, abs=1)
    with patch("vsdeblur.engine.footprints.overlay.footprint", lambda size, frames: 2**33):
        plan = make_plan(options(max_memory="16GiB"), 480, 640, 3, 0)
    assert 2**33 < plan.peak_bytes < 2**34


@pytest.mark.parametrize(
    ("preset", "rolling", "frames", "least"),
    [("fast", False, 2, 640), ("best", False, 4, 880), ("best", True, 6, 1180)],
)
def test_residuals_without_blending_are_kept_where_there_is_room(
    preset: str, rolling: bool, frames: int, least: int
) -> None:
    size = FrameSize(1080, 1920, 3)
    assert unblended_footprint(size, refined=preset == "best", rolling=rolling) == frames * size.frame
    given = options(preset=preset, readout=0.5 if rolling else 0.0)
    budgets = [dataclasses.replace(given, max_memory=(least + more) << 20) for more in range(0, 600, 20)]
    plans = [make_plan(one, 1080, 1920, 3, 0) for one in budgets]
    assert all(plan.peak_bytes <= plan.budget for plan in plans)
    assert {plan.unblended for plan in plans} == {True, False}


@pytest.mark.parametrize(("budget", "room"), [("700MiB", False), ("8GiB", True)])
def test_a_prior_for_noise_changes_neither_tiles_nor_chunks(
    budget: str, room: bool, caplog: pytest.LogCaptureFixture
) -> None:
    given = {"factor": 8, "max_memory": budget}
    engine, without = (Engine(options(**given, **more), 1080, 1920) for more in ({}, {"prior": None}))
    plan = engine.plan
    assert (plan.chunk, plan.tile, plan.overlap) == (without.plan.chunk, without.plan.tile, without.plan.overlap)
    assert (plan.overlap_denoised is not None) == room
    assert plan.peak_bytes <= plan.budget
    # Noise of 5/255 has the prior act where there is room, and otherwise one warning.
    noise, grey = DataWeights(Noise(0.0, (5 / 255) ** 2)), torch.full((1, 3, 4, 4), 0.5)
    for _ in range(2):
        sigma = engine.key_frame_solver.noise(grey, noise)
        learned = engine.key_frame_solver.learned_weight(sigma)
        assert learned == without.key_frame_solver.learned_weight(sigma) * (not room)
    said = [record.getMessage() for record in caplog.records if "is left in" in record.getMessage()]
    assert said == ([] if room else [TOO_LITTLE])
