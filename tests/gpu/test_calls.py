"""Every call on the simulated device: devices do not mix, results are those of the CPU, and a chunk waits seldom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from tests.gpu.counts import as_on_the_device, blurry, pictures_of
from tests.support.cuda import Simulated, simulated
from tests.support.native import torch_alone
from vsdeblur import restore
from vsdeblur.engine import engine
from vsdeblur.engine.plan import Plan, make_plan

MOST = 10  # waits, and copies, of a chunk, however many instants it has

CHUNKS: dict[str, dict[str, Any]] = {
    "fast": {"factor": 4},
    "blur": {"flow": "blur"},
    "balanced": {"preset": "balanced"},
    "best": {"preset": "best", "shutter": 0.6, "transfer": "srgb"},
    "paths": {"flow": "paths"},
    "balanced paths": {"preset": "balanced", "flow": "paths", "solver": "keyframes", "factor": 1},
    "keyframes": {"solver": "keyframes"},
    "rolling": {"readout": 0.5},
    "out_shutter": {"out_shutter": 0.5},
    "taps": {"quadrature": "taps"},
    "tv": {"prior": "tv"},
    "video": {"prior": "video"},
    "auto": {"mode": "auto"},
    "best auto": {"preset": "best", "mode": "auto"},
    "best rolling": {"preset": "best", "readout": 0.5},
    "admm": {"solver": "admm", "preset": "best"},
    "admm rolling": {"solver": "admm", "readout": 0.5},
}


@pytest.fixture(scope="module")
def v() -> Tensor:
    return blurry(3, 24, 32)


def differ_nowhere(v: Tensor, most: int = MOST, **given: Any) -> None:
    """A clip's chunks are those of the CPU, and neither waits nor copies are many."""
    given = {"preset": "fast", **given}
    with as_on_the_device():
        known, _, _ = pictures_of(v, "cpu", **given)
    with torch_alone(), simulated() as device:
        found, syncs, copies = pictures_of(v, "cuda", device, **given)
    assert (found - known).abs().max() < 1e-5
    assert syncs <= most, device.syncs
    assert copies <= most, device.copies
    assert not device.doubles, "float64 is slow there"


@pytest.mark.parametrize("given", CHUNKS.values(), ids=CHUNKS)
def test_chunks(v: Tensor, given: dict[str, Any]) -> None:
    differ_nowhere(v, **given)


def test_text_and_changes_of_light() -> None:
    text, flash = blurry(4, 64, 96), blurry(4, 32, 48)
    text[:, :, 20:40:4, 20:70], text[:, :, 22:40:4, 20:70] = 1.0, 0.0
    flash[2] = (1.9 * flash[2]).clamp(0, 1)
    for clip in (text, flash):
        differ_nowhere(clip)


def test_what_waits_more_often(v: Tensor) -> None:
    """Moving lights that clip, in each tile, and frames that are restored by themselves."""
    lit = blurry(3, 32, 48)
    lit[:, :, 12:17, 12:34] = 1.0
    differ_nowhere(lit, most=20)
    differ_nowhere(v, mode="frame", most=MOST + 2 * len(v))


def test_results_that_have_no_room_beside_the_plan_come_one_by_one(v: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any, **named: Any) -> Plan:
        plan = make_plan(*given, **named)
        return replace(plan, budget=plan.peak_bytes)

    with simulated() as device:
        whole, _, copies = pictures_of(v, "cuda", device, preset="fast")
        monkeypatch.setattr(engine, "make_plan", full)
        parts, _, more = pictures_of(v, "cuda", device, preset="fast")
    assert more == copies + len(whole) - 1
    assert torch.equal(whole, parts)


def test_out_of_memory_on_the_way_back_is_no_end_of_it(v: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was collected for one copy is rendered again, and comes one by one."""
    stacks: list[int] = []

    def stack(pictures: list[Tensor], *rest: Any, **named: Any) -> Tensor:
        results = isinstance(pictures[0], Simulated) and pictures[0].shape == v.shape[1:]
        if results and len(pictures) == 2 * len(v):
            stacks.append(len(pictures))
            raise torch.OutOfMemoryError("no room")
        return known_stack(pictures, *rest, **named)

    known_stack = torch.stack
    with torch_alone(), simulated() as device:
        whole, _, copies = pictures_of(v, "cuda", device, preset="fast")
        monkeypatch.setattr(torch, "stack", stack)
        parts, _, more = pictures_of(v, "cuda", device, preset="fast")
    assert stacks == [2 * len(v)], "the second time nothing is collected"
    assert more == copies + len(whole) - 1
    assert torch.equal(whole, parts)


def test_too_little_free_memory_is_said(v: Tensor, caplog: pytest.LogCaptureFixture) -> None:
    with simulated(), patch("torch.cuda.mem_get_info", lambda _: (2**20, 2**33)):
        pictures_of(v, "cuda", preset="fast")
    assert [line.split(":")[0] for line in caplog.messages] == ["max_memory"]
    assert "1MiB free" in caplog.text


CALLS: dict[str, dict[str, Any]] = {
    "estimated": {"shutter": "auto", "readout": "auto", "transfer": "fit"},
    "asap": {"solver": "asap"},
    "true motion": {"flow": torch.tensor([-1.0, 0.0])[None, :, None, None].expand(5, 2, 24, 32), "preset": "balanced"},
}


@pytest.mark.parametrize("given", CALLS.values(), ids=CALLS)
def test_what_has_no_chunks_or_looks_at_the_clip_first(v: Tensor, given: dict[str, Any]) -> None:
    arguments = {"factor": 2, "preset": "fast", **given}
    clip = v[:2] if "solver" in given else v  # it takes long
    with as_on_the_device():
        known = restore(clip, device="cpu", **arguments)
    with torch_alone(), simulated() as device:
        found = restore(clip, device="cuda:0", **arguments)
    assert type(found) is Tensor
    assert (found - known).abs().max() < 1e-5
    assert not device.doubles, "float64 is slow there, and MPS lacks it"
