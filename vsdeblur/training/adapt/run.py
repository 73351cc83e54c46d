"""``adapt``: the bundled weights go on learning on a user's clips, and are kept only where they win there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from vsdeblur.device import trains_in_half
from vsdeblur.errors import ArgumentError, InputError
from vsdeblur.training.adapt import INSTANTS, KEY_FRAMES
from vsdeblur.training.adapt.camera import Camera
from vsdeblur.training.adapt.networks import ADAPTABLE, gain
from vsdeblur.training.adapt.parts import Part, estimated_shutter, filmed_by, find_parts, restore_parts
from vsdeblur.training.adapt.recipe import AdaptRecipe
from vsdeblur.training.adapt.report import Adapted, Learned, claim, reported, write_report
from vsdeblur.training.checkpoint import CHECKPOINT, PROJECT
from vsdeblur.training.loop import Course, train
from vsdeblur.training.pool import Pool
from vsdeblur.training.source import GrowingPool
from vsdeblur.weights import available, fill, load

_PREPARING = 0.35  # share of the time for restoring the parts that are learned from, at most
_FIRST, _SAMPLES = 32, 600  # before the first step, and in all
_REUSE = 3  # how often a sample is shown, about
_LEAST_GAIN = 0.01  # dB of agreement by which the new weights have to win
_MOST_LOST = 1 / 3  # share of the held-out parts that they may lose on

Say = Callable[[str, float, float | None], None]  # what is done, seconds since the start, seconds left where known


@dataclass(slots=True, eq=False)
class _Run:
    """A run in a folder: what it has of time, and what is the same for every network."""

    out: Path
    minutes: float
    seed: int
    device: str | None
    say: Say
    stop: Callable[[], bool]
    begun: float = field(default_factory=time.monotonic)
    judging: float = 0.0

    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.begun

    def left(self) -> float:
        """Seconds of work that remain; judging is not counted."""
        return 60 * self.minutes - (self.spent() - self.judging)


def adapt(
    clips: Sequence[Path],
    out: Path,
    minutes: float = 5.0,
    *,
    networks: Sequence[str] = (KEY_FRAMES,),
    shutter: float | None = None,
    transfer: str = "bt709",
    device: str | None = None,
    seed: int = 0,
    resume: bool = False,
    say: Say = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
) -> Adapted:
    """Adapt the weights of bundled networks to clips.

    Args:
        clips: Video files; what holds of their sharpness, blur and content is learned together.
        out: Folder for the weights, usable as solver="unrolled:OUT" and deconvolver="unrolled:OUT", and for the run.
        minutes: Of work in all, judging excepted; each network has an equal share of what remains after preparing.
        networks: Of ``ADAPTABLE``, in the order in which they learn.
        shutter: The open part of the period; None to estimate it from the clips, or for that of the run that goes on.
        transfer: How values are stored; "linear" where blur is a mean of the values as they are.
        device: Where it is restored and trained; None for the processor.
        seed: Of all that is random.
        resume: Whether to go on with the run in ``out``.
        say: Called with the progress.
        stop: Asked before every step; what is learned until then is judged.

    Raises:
        ArgumentError: ``out`` holds a run and ``resume`` is not asked, there are no clips, or no such network.
        InputError: A clip cannot be read, is too short or too small; or the run in ``out`` is of other clips, another
            shutter or another transfer function.
        DeblurError: The bundled weights are missing.
    """
    if not clips:
        raise ArgumentError("clips", [], "at least one video file")
    if not networks or set(networks) - set(ADAPTABLE):
        raise ArgumentError("networks", list(networks), f"some of {', '.join(ADAPTABLE)}")
    shutter = claim(out, clips, shutter, transfer, resume)
    run = _Run(out, minutes, seed, device, say, stop)
    say("reading", run.spent(), None)
    parts = find_parts(clips, out / "parts")
    if shutter is None:
        shutter = estimated_shutter(parts, transfer)
    say("restoring what is learned from", run.spent(), run.left())
    preparing = (1 - _PREPARING) * 60 * minutes
    kept = restore_parts(parts, shutter, transfer, device, lambda: run.left() > preparing and not stop())
    camera, wanted = filmed_by(parts, shutter, transfer), tuple(dict.fromkeys(networks))
    before = reported(out) if resume else {}
    learned = []
    for number, name in enumerate(wanted):
        seconds = before[name].seconds if name in before else 0.0
        share = max(run.left() / (len(wanted) - number), 1.0)
        learned.append(_learned(run, name, parts, kept, camera, seconds + share))
    if {KEY_FRAMES, INSTANTS} & set(wanted):
        _complete(out)
    found = Adapted(tuple(learned), run.spent(), shutter, len(kept))
    write_report(found, out, clips, minutes, seed)
    return found


def _learned(
    run: _Run, name: str, parts: Sequence[Part], kept: Sequence[Part], camera: Camera, seconds: float
) -> Learned:
    """Train one network until it has had so many seconds in all, judge it, and write the weights that won."""
    own = ADAPTABLE[name]
    recipe = AdaptRecipe(own.recipe(), own.batch)
    key_frames = run.out / "unrolled.safetensors" if name == INSTANTS else None
    key_frames = key_frames if key_frames is not None and key_frames.exists() else None
    folder = run.out / "run" / name
    maker = own.scenes(kept, camera, key_frames)
    source = GrowingPool(Pool(folder / "scenes", maker, run.seed), recipe.batch, _FIRST, _REUSE, _SAMPLES)

    def stopped() -> bool:
        run.say(f"learning, {name}", run.spent(), run.left())
        return run.stop()

    place = torch.device(run.device or "cpu")
    half = trains_in_half(place)
    course = Course(seconds / 60, run.seed, str(place), half_precision=half, start_from=PROJECT)
    state = train(recipe, source, folder, course, (folder / CHECKPOINT).exists(), stopped)
    run.say(f"judging, {name}", run.spent(), None)
    begun = run.spent()
    new, bundled = state.averaged().cpu(), recipe.network()
    fill(bundled, recipe.name)
    held = [part for part in parts if part.held_out]
    gains = tuple(gain(own, (bundled, new), part.blurry, camera, key_frames) for part in held)
    run.judging += run.spent() - begun
    won = wins(gains)
    _write(recipe.name, new if won else None, run.out)
    return Learned(name, won, gains, state.step, state.seconds)


def wins(gains: Sequence[float]) -> bool:
    """Whether new weights are kept: better in the mean, and on two of three held-out parts."""
    lost = sum(gain < 0 for gain in gains)
    return bool(gains) and sum(gains) / len(gains) >= _LEAST_GAIN and lost <= _MOST_LOST * len(gains)


def _complete(out: Path) -> None:
    """The bundled weights of what solver="unrolled:FOLDER" needs besides: it takes both networks from the folder."""
    for name in ("unrolled", "instants"):
        if not (out / f"{name}.safetensors").exists():
            _write(name, None, out)


def _write(name: str, new: nn.Module | None, out: Path) -> None:
    """The weights of a network, whole at any moment; the bundled ones where there are no new ones."""
    if not available(name):
        raise InputError(f"{name}.safetensors is missing from this installation")
    tensors = load(name) if new is None else dict(new.state_dict())
    part = out / f"{name}.safetensors.part"
    save_file({key: value.detach().contiguous() for key, value in tensors.items()}, part)
    part.replace(out / f"{name}.safetensors")
