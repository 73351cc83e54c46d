"""What the commands of ``vsdeblur train`` share: their options, and the run itself."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from vsdeblur.cli._shared import place_for
from vsdeblur.errors import ArgumentError

if TYPE_CHECKING:
    from vsdeblur.training.checkpoint import State
    from vsdeblur.training.material import Material
    from vsdeblur.training.pool import Maker
    from vsdeblur.training.recipe import Recipe

HELD_SCENES = 16  # that the network is judged by in the end
_FOLDER = click.Path(file_okay=False, path_type=Path)


def course_options[F: Callable[..., None]](command: F) -> F:
    """The options that every recipe takes."""
    return _with(
        (
            click.option("--minutes", type=click.FloatRange(0, min_open=True), default=90, show_default=True),
            click.option("--steps", type=click.IntRange(1), help="Stop at this step at the latest."),
            click.option(
                "--device", default="cpu", show_default=True, metavar="NAME", help="cpu, cuda, cuda:0 or mps."
            ),
            click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
            click.option(
                "--reuse",
                type=click.IntRange(1),
                default=4,
                show_default=True,
                help="How often a scene is shown, about: more leaves more time for learning.",
            ),
            click.option("--rate", type=click.FloatRange(0, min_open=True), help="Peak of the rate of learning."),
            click.option("--resume", is_flag=True, help="Go on with the run in --out."),
            click.option(
                "--workers", type=click.IntRange(0), default=1, show_default=True, help="Processes that render."
            ),
            click.option("--out", type=_FOLDER, required=True, help="Folder for weights, checkpoint, log and scenes."),
        ),
        command,
    )


def start_option[F: Callable[..., None]](command: F) -> F:
    """Where a recipe of one network begins."""
    option = click.option(
        "--start-from",
        metavar="WEIGHTS",
        help='File or folder of weights to start from, "project" for the released ones; random unless given.',
    )
    return _with((option,), command)


def photo_options[F: Callable[..., None]](command: F) -> F:
    """What recipes for single pictures are made from."""
    option = click.option("--photos", type=_FOLDER, required=True, help="Sharp photographs; every tenth is held out.")
    return _with((option,), command)


def material_options[F: Callable[..., None]](command: F) -> F:
    """What recipes for video are made from."""
    return _with(
        (
            click.option("--photos", type=_FOLDER, help="Sharp photographs; every tenth is held out."),
            click.option("--clips", type=_FOLDER, help="Sharp clips of 40 frames or more; every tenth is held out."),
            click.option(
                "--clips-cache", type=_FOLDER, help="Folder for the clips as they are decoded; OUT/clips unless given."
            ),
            click.option(
                "--clips-share",
                type=click.FloatRange(0, 1),
                default=0.7,
                show_default=True,
                help="Of the scenes, where there are both.",
            ),
        ),
        command,
    )


def video_options[F: Callable[..., None]](command: F) -> F:
    """All options of a recipe for video."""
    return material_options(start_option(course_options(command)))


def self_supervised_options[F: Callable[..., None]](command: F) -> F:
    """What learning from blurry clips takes besides."""
    return _with(
        (
            click.option(
                "--self-supervised",
                is_flag=True,
                help="--clips are blurry, 16 frames or more: what the bundled weights make of them is blurred again.",
            ),
            click.option("--shutter", help="With --self-supervised: of the clips, estimated for each unless given."),
            click.option("--transfer", help="With --self-supervised: how they are stored; bt709 unless given."),
        ),
        command,
    )


def _with[F: Callable[..., None]](options: Sequence[Callable[[F], F]], command: F) -> F:
    for option in reversed(options):
        command = option(command)
    return command


def refuse_camera(shutter: str | None, transfer: str | None) -> None:
    """Refuse what is only used with --self-supervised."""
    for name, value in (("--shutter", shutter), ("--transfer", transfer)):
        if value is not None:
            raise ArgumentError(name, value, "left out without --self-supervised")


def train_video(
    recipe: Recipe,
    scenes: Callable[[Material, str], Maker],
    count: int,
    *,
    photos: Path | None,
    clips: Path | None,
    clips_cache: Path | None,
    clips_share: float,
    out: Path,
    **course: Any,
) -> None:
    """Train on scenes of photographs, clips or both; the rest as ``_train``."""
    from vsdeblur.training.clips import find_clips
    from vsdeblur.training.material import Material
    from vsdeblur.training.photos import find_photos

    if photos is None and clips is None:
        raise ArgumentError("--photos", "", "a folder of photographs, or --clips a folder of clips, or both")
    place_for(out)
    stills = find_photos(photos) if photos else ([], [])
    films = find_clips(clips, clips_cache or out / "clips") if clips else ([], [])
    kept, held = (Material(a, b, clips_share) for a, b in zip(stills, films, strict=True))
    found = [f"{len(kept.photos)} photographs, {len(held.photos)} held out"] if photos else []
    found += [f"{len(kept.clips)} clips, {len(held.clips)} held out"] if clips else []
    click.echo("; ".join(found), err=True)
    _train(recipe, lambda where: (scenes(kept, where), scenes(held, where)), count, out=out, **course)


def train_blurry(
    recipe: Recipe,
    network: str,
    *,
    photos: Path | None,
    clips: Path | None,
    clips_cache: Path | None,
    clips_share: float,
    shutter: str | None,
    transfer: str | None,
    out: Path,
    **course: Any,
) -> None:
    """Train a network that adapts on blurry clips alone, and say by how much exposures are predicted better than by the
    weights that it started from, or the bundled ones; the rest as ``_train``.
    """
    from vsdeblur.settings import AUTO, checked
    from vsdeblur.training.adapt.many import ReblurredClips, agreement, find_filmed
    from vsdeblur.training.checkpoint import PROJECT, State

    if photos is not None:
        raise ArgumentError("--photos", str(photos), "left out with --self-supervised, which learns from --clips alone")
    if click.get_current_context().get_parameter_source("clips_share") is ParameterSource.COMMANDLINE:
        raise ArgumentError("--clips-share", clips_share, "left out with --self-supervised, without photographs")
    if clips is None:
        raise ArgumentError("--clips", "", "a folder of blurry clips with --self-supervised")
    place_for(out)
    stored = checked("transfer", transfer or "bt709")
    known = None if shutter in (None, AUTO) else checked("shutter", shutter)
    filmed = find_filmed(clips, clips_cache or out / "parts", known, stored)
    kept, held = ([one for one in filmed if one.part.held_out is of] for of in (False, True))
    click.echo(f"{len(kept)} parts of clips, {len(held)} held out", err=True)
    makers = ReblurredClips(kept, network, stored), ReblurredClips(held, network, stored)
    state = _train(recipe, lambda _: makers, 4000, out=out, **course)
    weights = course["start_from"] or PROJECT
    begun = State.fresh(recipe, state.seed, out / "begun", weights)
    gains = agreement(network, state.averaged().cpu(), begun.network, held)
    words = ", ".join(f"{gain:+.3f}" for gain in gains)
    click.echo(f"agreement of held-out parts, over {weights}: {words} dB")


def train_photos(
    recipe: Recipe, scenes: Callable[[Sequence[Path]], Maker], count: int, *, photos: Path, **course: Any
) -> None:
    """Train on photographs; the rest as ``_train``."""
    from vsdeblur.training.photos import find_photos

    kept, held = find_photos(photos)
    click.echo(f"{len(kept)} photographs, {len(held)} held out", err=True)
    _train(recipe, lambda _: (scenes(kept), scenes(held)), count, **course)


def train_made(recipe: Recipe, maker: Maker, count: int, **course: Any) -> None:
    """Train on what ``maker`` makes of random numbers alone; the rest as ``_train``."""
    _train(recipe, lambda _: (maker, maker), count, **course)


def _train(
    recipe: Recipe,
    makers: Callable[[str], tuple[Maker, Maker]],
    count: int,
    *,
    workers: int,
    device: str,
    minutes: float,
    steps: int | None,
    seed: int,
    resume: bool,
    reuse: int,
    out: Path,
    start_from: str | None = None,
) -> State:
    """Train and judge.

    Args:
        recipe: What is trained.
        makers: Of samples on a device: those to train on, and those held out.
        count: Of samples to train on, at most.

    Returns:
        The state after the last step.
    """
    from vsdeblur.device import choose_device, trains_in_half
    from vsdeblur.settings import checked
    from vsdeblur.training.checkpoint import CHECKPOINT, weight_files
    from vsdeblur.training.loop import Course, judge
    from vsdeblur.training.loop import train as run
    from vsdeblur.training.pool import Pool
    from vsdeblur.training.source import GrowingPool, rendered_ahead

    place_for(out)
    if not resume and (out / CHECKPOINT).exists():
        raise ArgumentError("--out", str(out), "a folder without a checkpoint, or --resume given")
    where = choose_device(checked("device", device))
    kept, held_out = makers(str(where))
    source = GrowingPool(Pool(out / "scenes", kept, seed), recipe.batch, reuse=reuse, limit=count)
    held = Pool(out / "held", held_out, seed + 1)
    stopped: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
    try:
        with rendered_ahead(source, workers):
            half = trains_in_half(where)
            course = Course(minutes, seed, str(where), steps, half_precision=half, start_from=start_from)
            state = run(recipe, source, out, course, resume, stop=lambda: bool(stopped))
    finally:
        signal.signal(signal.SIGINT, before)
    files = ", ".join(str(path) for path in weight_files(state.smooth, recipe, out))
    click.echo(f"step {state.step} after {state.seconds / 60:.1f} min: {files}")
    scores = judge(recipe, state, [held[k] for k in range(HELD_SCENES)], out)
    click.echo(", ".join(f"{key} {value:.3f}" for key, value in scores.items()))
    return state
