"""Out of memory: every stage is tried once more, with the same result, and then given up with one line."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from vsdeblur import restore
from vsdeblur.engine.retry import BatchSizes, MemoryRetry
from vsdeblur.errors import MemoryBudgetError
from vsdeblur.solver.keyframes import BATCH, KeyFrameProblem
from vsdeblur.synthetic.scene import Scene, film

CPU = torch.device("cpu")


def out_of_memory(*_: Any, **__: Any) -> Any:
    raise torch.OutOfMemoryError("no room")


def failing_once(function: Callable[..., Any], call: int, calls: list[int]) -> Callable[..., Any]:
    """Like ``function``, but the ``call``-th of its calls finds no memory."""

    def wrapped(*given: Any, **named: Any) -> Any:
        calls.append(len(calls))
        if len(calls) == call:
            out_of_memory()
        return function(*given, **named)

    return wrapped


@pytest.fixture(scope="module")
def blurry() -> Tensor:
    """(3, 3, H, W): objects that pass over a panning ground."""
    filmed = film(Scene(48, 64), 3, 8, 1.0, lambda light: light)[1]
    return torch.from_numpy(filmed).permute(0, 3, 1, 2).float() / 255


def test_a_stage_is_tried_again_in_smaller_batches(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[BatchSizes] = []

    def task(sizes: BatchSizes) -> str:
        asked.append(sizes)
        return out_of_memory() if sizes.instants > 1 else "there"

    with caplog.at_level(logging.WARNING, "vsdeblur"):
        assert MemoryRetry(CPU, 128).run("baking", task) == "there"
    assert asked == [BatchSizes(BATCH, 128), BatchSizes(1, 32)]
    assert caplog.messages == ["out of memory on cpu while baking: again, in smaller batches"]


def test_a_stream_goes_on_where_it_broke_off() -> None:
    def numbers(sizes: BatchSizes, done: int) -> Iterator[int]:
        for n in range(done, 5):
            if n == 2 and sizes.instants > 1:
                out_of_memory()
            yield n

    assert list(MemoryRetry(CPU, 128).stream("counting", numbers)) == [0, 1, 2, 3, 4]


def test_the_second_time_is_the_last_and_other_errors_pass() -> None:
    calls: list[int] = []

    def never(sizes: BatchSizes) -> None:
        calls.append(sizes.instants)
        out_of_memory()

    with pytest.raises(MemoryBudgetError, match=r"^max_memory must be less than what cpu has free: .* while baking$"):
        MemoryRetry(CPU, 128).run("baking", never)
    assert calls == [BATCH, 1]
    calls.clear()
    with pytest.raises(ZeroDivisionError):
        MemoryRetry(CPU, 128).run("dividing", lambda sizes: calls.append(1) or 1 / 0)
    assert len(calls) == 1


BEST = {"preset": "best", "factor": 4}
STAGES = [
    ("finding the motion", "vsdeblur.flow.pairwise.PairwiseMotion.__call__", 1, {}),
    ("solving the key frames", "vsdeblur.solver.keyframes.KeyFrameProblem.solve", 1, {}),
    ("solving the key frames", "vsdeblur.solver.zstep.ZStep.__call__", 2, {"prior": "tv"}),
    ("solving the key frames", "vsdeblur.solver.unrolled.stage.ProximalStep.__call__", 1, {"preset": "balanced"}),
    ("rendering instants", "vsdeblur.engine.engine.exposure_residual", 2, {}),
    ("rendering instants", "vsdeblur.engine.engine.render_instant", 4, {}),
    ("rendering instants", "vsdeblur.solver.render.refined.RefinedInstants.instant", 4, {"preset": "best"}),
    (
        "rendering instants",
        "vsdeblur.solver.consistency.TemporalConsistency._steps",
        3,
        {"preset": "best", "factor": 4},
    ),
    ("restoring a frame by itself", "vsdeblur.blind.frame.restore_frame", 2, {"mode": "frame"}),
    (
        "restoring a frame by itself",
        "vsdeblur.blind.frame.restore_frame",
        2,
        {"mode": "frame", "factor": 1, "preset": "balanced"},
    ),
]


@pytest.mark.parametrize(("stage", "where", "call", "given"), STAGES)
def test_every_stage_gives_the_same_the_second_time(
    blurry: Tensor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    stage: str,
    where: str,
    call: int,
    given: dict[str, Any],
) -> None:
    arguments = {"factor": 2, "preset": "fast", "device": "cpu", **given}
    if "mode" in given:  # the real one takes long, and is not what is tested
        monkeypatch.setattr(where, lambda picture, **_: (1 - picture, None))
    wanted = restore(blurry, **arguments)
    calls: list[int] = []
    owner, name = where.rsplit(".", 1)
    module, _, cls = owner.rpartition(".")
    target = getattr(__import__(module, fromlist=[cls]), cls)
    monkeypatch.setattr(target, name, failing_once(getattr(target, name), call, calls))
    with caplog.at_level(logging.WARNING, "vsdeblur"):
        again = restore(blurry, **arguments)
    assert len(calls) > call, "it was tried again"
    assert [message for message in caplog.messages if "memory" in message] == [
        f"out of memory on cpu while {stage}: again, in smaller batches"
    ]
    # Warping one instant after the other adds them up in another order; all else is the same to the bit.
    tolerance = 1e-5 if stage == "solving the key frames" else 0.0
    assert (again - wanted).abs().max() <= tolerance


def test_energies_are_recorded_once(blurry: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[float] = []
    restore(blurry, 1, preset="fast", prior="tv", record=wanted.append)
    calls: list[int] = []
    monkeypatch.setattr(KeyFrameProblem, "solve", failing_once(KeyFrameProblem.solve, 2, calls))
    energies: list[float] = []
    restore(blurry, 1, preset="fast", prior="tv", record=energies.append)
    assert len(calls) > 2
    assert energies == pytest.approx(wanted, rel=1e-4)


def test_what_never_fits_is_an_error_of_one_line(blurry: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []

    def never(self: KeyFrameProblem, *_: Any, **__: Any) -> Tensor:
        batches.append(self.batch)
        return out_of_memory()

    monkeypatch.setattr(KeyFrameProblem, "solve", never)
    with pytest.raises(MemoryBudgetError) as error:
        restore(blurry[:2], 1, device="cpu")
    assert batches == [BATCH, 1]
    assert str(error.value).startswith("max_memory must be")
    assert "\n" not in str(error.value)
