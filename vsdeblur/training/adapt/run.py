"""``adapt``: the bundled weights go on learning on a user's clips, and are kept only where they win there."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from vsdeblur.device import trains_in_half
from vsdeblur.errors import ArgumentError, InputError
from vsdeblur.estimate import estimate_shutter
from vsdeblur.solver.unrolled.net import ProximalNet
from vsdeblur.training.adapt.agreement import disagreement
from vsdeblur.training.adapt.parts import Part, find_parts, restore_parts
from vsdeblur.training.adapt.reblurred import ReblurredParts
from vsdeblur.training.adapt.recipe import AdaptRecipe
from vsdeblur.training.checkpoint import CHECKPOINT, PROJECT
from vsdeblur.training.loop import Course, train
from vsdeblur.training.pool import Pool
from vsdeblur.training.source import GrowingPool
from vsdeblur.weights import available, fill, load

REPORT, CLIPS = "adapt.json", "clips.json"
NETWORKS = "unrolled", "instants"  # what a folder of weights for solver="unrolled:FOLDER" holds
_PREPARING = 0.35  # share of the time for restoring the parts that are learned from, at most
_FIRST, _SAMPLES = 32, 600  # before the first step, and in all
_REUSE = 3  # how often a sample is shown, about
_LEAST_GAIN = 0.01  # dB of agreement by which the new weights have to win
_MOST_LOST = 1 / 3  # share of the held-out parts that they may lose on

Say = Callable[[str, float, float | None], None]  # what is done, seconds since the start, seconds left where known


@dataclass(frozen=True, slots=True)
class Adapted:
    """What became of it.

    Attributes:
        kept: Whether the folder holds new weights for key frames; otherwise the bundled ones.
        gains: dB by which the new weights predict the exposures of each held-out part better.
        steps: Of training.
        seconds: In all.
        shutter: That the clips were taken to have.
        parts: Learned from.
    """

    kept: bool
    gains: tuple[float, ...]
    steps: int
    seconds: float
    shutter: float
    parts: int


def adapt(
    clips: Sequence[Path],
    out: Path,
    minutes: float = 5.0,
    *,
    shutter: float | None = None,
    transfer: str = "bt709",
    device: str | None = None,
    seed: int = 0,
    resume: bool = False,
    say: Say = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
) -> Adapted:
    """Adapt the weights of the key frames' network to clips.

    Args:
        clips: Video files; what holds of their sharpness, blur and content is learned together.
        out: Folder for the weights, usable as solver="unrolled:OUT", and for the run.
        minutes: Of work in all, judging excepted.
        shutter: The open part of the period; None to estimate it from the clips, or for that of the run that goes on.
        transfer: How values are stored; "linear" where blur is a mean of the values as they are.
        device: Where it is restored and trained; None for the processor.
        seed: Of all that is random.
        resume: Whether to go on with the run in ``out``.
        say: Called with the progress.
        stop: Asked before every step; what is learned until then is judged.

    Raises:
        ArgumentError: ``out`` holds a run and ``resume`` is not asked, or there are no clips.
        InputError: A clip cannot be read, is too short or too small; or the run in ``out`` is of other clips, another
            shutter or another transfer function.
        DeblurError: The bundled weights are missing.
    """
    if not clips:
        raise ArgumentError("clips", [], "at least one video file")
    run = out / "run"
    shutter = _claim(out, clips, shutter, transfer, resume)
    begun = time.monotonic()

    def spent() -> float:
        return time.monotonic() - begun

    say("reading", spent(), None)
    parts = find_parts(clips, out / "parts")
    if shutter is None:
        shutter = _estimated(parts, transfer)
    say("restoring what is learned from", spent(), 60 * minutes)
    kept = restore_parts(parts, shutter, transfer, device, lambda: spent() < _PREPARING * 60 * minutes and not stop())
    recipe, linear = AdaptRecipe(), transfer != "linear"
    maker = ReblurredParts([part.sharp for part in kept], shutter, linear)
    source = GrowingPool(Pool(run / "scenes", maker, seed), recipe.batch, _FIRST, _REUSE, _SAMPLES)
    left = max(60 * minutes - spent(), 1.0)

    def stopped() -> bool:
        say("learning", spent(), 60 * minutes - spent())
        return stop()

    before = json.loads((out / REPORT).read_text())["learned"] if resume and (out / REPORT).exists() else 0.0
    place = torch.device(device or "cpu")
    half = trains_in_half(place)
    course = Course((before + left) / 60, seed, str(place), half_precision=half, start_from=PROJECT)
    state = train(recipe, source, run, course, resume and (run / CHECKPOINT).exists(), stopped)
    say("judging", spent(), None)
    new = state.averaged().cpu()
    assert isinstance(new, ProximalNet)
    gains = tuple(_gain(new, part, shutter, linear) for part in parts if part.held_out)
    won = wins(gains)
    _write(new if won else None, out)
    found = Adapted(won, gains, state.step, spent(), shutter, len(kept))
    course_of = {"minutes": minutes, "learned": state.seconds, "seed": seed}
    report = asdict(found) | course_of | {"clips": [path.name for path in clips]}
    (out / REPORT).write_text(json.dumps(report, indent=1) + "\n")
    return found


def wins(gains: Sequence[float]) -> bool:
    """Whether new weights are kept: better in the mean, and on two of three held-out parts."""
    lost = sum(gain < 0 for gain in gains)
    return bool(gains) and sum(gains) / len(gains) >= _LEAST_GAIN and lost <= _MOST_LOST * len(gains)


def finished(out: Path, clips: Sequence[Path], minutes: float, shutter: float, transfer: str) -> Adapted | None:
    """What became of the run in a folder, where it has had that much time; None otherwise.

    Raises:
        InputError: The run is of other clips, another shutter or another transfer function.
    """
    if not (out / CLIPS).exists():
        return None
    _claim(out, clips, shutter, transfer, resume=True)
    try:
        report = json.loads((out / REPORT).read_text())
        found = Adapted(**{field.name: report[field.name] for field in fields(Adapted)})
        return replace(found, gains=tuple(found.gains)) if report["minutes"] >= minutes else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _claim(out: Path, clips: Sequence[Path], shutter: float | None, transfer: str, resume: bool) -> float | None:
    """Note what the folder's run is of; refuse one that holds another run, or any unless it is to be resumed.

    Returns:
        The shutter, which a run that goes on has from its first part unless it is given.
    """
    for path in clips:
        if not os.path.isfile(path):
            raise InputError(f"{path}: there is no such file")
    record = out / CLIPS
    own = {"clips": [[path.name, path.stat().st_size] for path in clips], "shutter": shutter, "transfer": transfer}
    if record.exists():
        if not resume:
            raise ArgumentError("out", str(out), "a folder without a run, or {resume} given")
        try:
            first = json.loads(record.read_text())
            other = first["clips"] != own["clips"]
        except (OSError, ValueError, TypeError, KeyError):
            other = True
        if other:
            raise InputError(f"{out}: it holds a run of other clips")
        own["shutter"] = shutter = first.get("shutter") if shutter is None else shutter
        for name in ("shutter", "transfer"):
            if own[name] != first.get(name):
                was = "an estimate" if first.get(name) is None else first[name]
                raise InputError(
                    f"{out}: its run has {name} {was}, not {own[name]}: go on with that, or choose a folder"
                )
    out.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(own) + "\n")
    return shutter


def _estimated(parts: Sequence[Part], transfer: str) -> float:
    """The mean of the parts' estimates, by their confidence; half of the period where nothing moves."""
    found = [estimate_shutter(part.blurry, transfer) for part in parts[:3]]
    total = sum(one.confidence for one in found)
    if total < 0.1:
        return 0.5
    return sum(one.shutter * one.confidence for one in found) / total


def _gain(new: ProximalNet, part: Part, shutter: float, linear: bool) -> float:
    bundled = ProximalNet()
    fill(bundled, "unrolled")
    errors = [disagreement(network, part.blurry, shutter, linear=linear) for network in (bundled, new)]
    return 10 * math.log10((errors[0] + 1e-9) / (errors[1] + 1e-9))


def _write(new: ProximalNet | None, out: Path) -> None:
    """The weights of both networks, whole at any moment; the bundled ones where there are no new ones."""
    for name in NETWORKS:
        if not available(name):
            raise InputError(f"{name}.safetensors is missing from this installation")
        tensors = load(name) if new is None or name != "unrolled" else dict(new.state_dict())
        part = out / f"{name}.safetensors.part"
        save_file({key: value.detach().contiguous() for key, value in tensors.items()}, part)
        part.replace(out / f"{name}.safetensors")
