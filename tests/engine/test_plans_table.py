"""The memory plan: the sums of the stages' footprints over a grid of sizes, presets and modes."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.support.priors import Spy, VideoSpy
from vsdeblur.engine.plan import make_plan
from vsdeblur.errors import MemoryBudgetError
from vsdeblur.priors import TotalVariation
from vsdeblur.settings import Options

# What was planned when tiles and chunks were fixed: a plan that differs gives other bytes. plans.json has a line of
# arguments and of the plan each: chunk, halo, tile, rows, peak, bytes per frame, tile of consistency; or the refusal.
HEAD, *PLANS = json.loads((Path(__file__).parent / "plans.json").read_text())
PRIORS = {
    None: None,
    "tv": TotalVariation(time=0.0),
    "video": VideoSpy(working=312, working_per_channel=10),
    "image": Spy(working=612, working_per_channel=2),
}


def planned(given: dict[str, Any]) -> list[Any]:
    options = Options(
        factor=Fraction(given["factor"]),
        preset=given["preset"],
        mode=given["mode"],
        max_memory=given["budget"] and given["budget"] << 20,
        prior=given["prior"] and "tv",
        readout=given["readout"],
        out_shutter=given["out_shutter"],
        auto_shutter=given["auto_shutter"],
        solver=given["solver"],
    )
    height, width = given["height"], given["width"]
    try:
        size = (height, width, given["channels"], given["host"] * height * width)
        plan = make_plan(options, *size, prior=PRIORS[given["prior"]])
    except MemoryBudgetError as error:
        return [str(error)]
    return [
        *(plan.chunk, plan.halo, plan.tile, plan.rows),
        *(plan.peak_bytes, plan.per_frame_bytes, plan.consistent),
    ]


@pytest.mark.parametrize("height", sorted({line[0] for line in PLANS}))
def test_plans_are_those_that_were_planned(height: int) -> None:
    names = HEAD[:-1]
    lines = [line for line in PLANS if line[0] == height]
    for line in lines:
        given = dict(zip(names, line, strict=False))
        assert planned(given) == line[len(names) :], given
    assert len(lines) > 9
