"""The one training loop: any recipe, any device, interrupted at any moment and resumed to the same result.

Everything random in step i follows from the seed and i, the rate from i alone, so a run that was stopped and resumed
passes through the same states as one that was not. At most a minute of work is lost.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from vsdeblur.training.checkpoint import State, load_state, save_state
from vsdeblur.training.journal import Journal
from vsdeblur.training.pool import Sample, SampleSource
from vsdeblur.training.recipe import Recipe

log = logging.getLogger("vsdeblur")

CHECKPOINT_SECONDS = 45.0
DECAY = 0.998  # of the moving average of the weights
_LARGEST_GRADIENT = 1.0


@dataclass(frozen=True, slots=True)
class Course:
    """How long, where and from what a network is trained.

    Args:
        minutes: Of work in all, earlier pieces included.
        seed: Of all that is random.
        device: Where.
        steps: The last one, None for no bound.
        log_every: Steps between two entries of the log.
        half_precision: Whether the network computes in bfloat16 where that is enough.
        start_from: Weights to begin with: a file or folder, "project" for the released ones, None for random ones.
    """

    minutes: float
    seed: int = 0
    device: str = "cpu"
    steps: int | None = None
    log_every: int = 50
    half_precision: bool = True
    start_from: str | None = None


def train(
    recipe: Recipe,
    source: SampleSource,
    out: Path,
    course: Course,
    resume: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> State:
    """Train until the minutes or steps are over or ``stop`` says so.

    Args:
        recipe: What is trained.
        source: Of its samples.
        out: Folder for checkpoint, weights, log and plot.
        course: How long, where and from what.
        resume: Whether to go on with the run that ``out`` holds.
        stop: Asked before every step.

    Returns:
        The state after the last step, which is also in ``out``.

    Raises:
        ArgumentError: When ``out`` holds a run and ``resume`` is not asked.
        InputError: When it holds another run than this one.
    """
    device = torch.device(course.device)
    state = load_state(recipe, course.seed, out) if resume else State.fresh(recipe, course.seed, out, course.start_from)
    state.to(device)
    journal = Journal(out, state.step)
    saved = begun = time.monotonic()
    before = state.seconds
    waited = 0.0
    sums: dict[str, list[float]] = {}

    def spent() -> float:
        return before + time.monotonic() - begun

    while not stop() and spent() < 60 * course.minutes and (course.steps is None or state.step < course.steps):
        fetched = time.monotonic()
        batch = _batch(recipe, source, course.seed, state.step, device)
        waited += time.monotonic() - fetched
        for key, value in _step(recipe, state, batch, device, course.half_precision).items():
            sums.setdefault(key, []).append(value)
        if state.step % course.log_every == 0:
            share = waited / max(time.monotonic() - begun, 1e-9)
            means = {key: float(np.mean(values)) for key, values in sums.items()}
            journal.add({"step": state.step, "seconds": spent(), "data_share": share, **means})
            sums = {}
        if time.monotonic() - saved > CHECKPOINT_SECONDS:
            state.seconds = spent()
            save_state(state, recipe, out)
            saved = time.monotonic()
    state.seconds = spent()
    save_state(state, recipe, out)
    journal.plot()
    return state


def judge(recipe: Recipe, state: State, held_out: Sequence[Sample], out: Path) -> dict[str, float]:
    """The scores of the averaged weights on samples that were never trained on; they go to the log too."""
    scores = {f"held_{key}": value for key, value in recipe.validate(state.averaged(), held_out).items()}
    Journal(out, state.step).add({"step": state.step, "seconds": state.seconds, **scores})
    return scores


def _batch(recipe: Recipe, source: SampleSource, seed: int, step: int, device: torch.device) -> Sample:
    rng = np.random.default_rng((seed, step))
    numbers = rng.integers(source.available(step), size=recipe.batch)
    batch = recipe.collate([source[int(k)] for k in numbers], rng)
    return {key: value.to(device, non_blocking=True) for key, value in batch.items()}


def _step(recipe: Recipe, state: State, batch: Sample, device: torch.device, half: bool) -> dict[str, float]:
    """One step of AdamW and of the moving average; the scalars that the recipe's loss reports."""
    for group in state.optimiser.param_groups:
        group["lr"] = recipe.rate(state.step)
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        loss, scalars = recipe.loss(state.network, batch, state.step)
    state.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(state.network.parameters(), _LARGEST_GRADIENT)
    state.optimiser.step()
    state.step += 1
    state.average(min(DECAY, state.step / (state.step + 10)))
    return scalars
