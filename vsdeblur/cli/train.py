"""``vsdeblur train``."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsdeblur.cli._shared import place_for
from vsdeblur.errors import ArgumentError

if TYPE_CHECKING:
    from vsdeblur.training.material import Material
    from vsdeblur.training.pool import Maker
    from vsdeblur.training.recipe import Recipe

HELD_SCENES = 16  # that the network is judged by in the end
_FOLDER = click.Path(file_okay=False, path_type=Path)
_WEIGHTS = click.Path(path_type=Path)


@click.group(short_help="Train the project's networks.")
def train() -> None:
    """Train the project's own networks on your photographs and clips."""


def _course[F: Callable[..., None]](command: F) -> F:
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


def _start[F: Callable[..., None]](command: F) -> F:
    """Where a recipe of one network begins."""
    option = click.option(
        "--start-from",
        metavar="WEIGHTS",
        help='File or folder of weights to start from, "project" for the released ones; random unless given.',
    )
    return _with((option,), command)


def _photos[F: Callable[..., None]](command: F) -> F:
    """What recipes for single pictures are made from."""
    option = click.option("--photos", type=_FOLDER, required=True, help="Sharp photographs; every tenth is held out.")
    return _with((option,), command)


def _material[F: Callable[..., None]](command: F) -> F:
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


def _with[F: Callable[..., None]](options: Sequence[Callable[[F], F]], command: F) -> F:
    for option in reversed(options):
        command = option(command)
    return command


@train.command(short_help='The network of flow="blur".')
@_material
@_start
@_course
def motion(workers: int, device: str, steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn the paths of moving things from how they are blurred.

    Scenes with known motion are made from the photographs; clips show what moving things look like, though not their
    paths. The rate of learning is held, then falls, whatever --steps are. OUT/motion.safetensors has the weights so
    far, at most a minute old; give them to a filter with flow="blur:OUT/motion.safetensors". A second run with --resume
    and more --minutes goes on where the first one ended, whether it ended or was interrupted.
    """
    from vsdeblur.training.blurry import BlurryScenes
    from vsdeblur.training.recipes.motion import MotionRecipe

    def scenes(material: Material, where: str) -> Maker:
        return BlurryScenes(material, device="cpu" if workers else where)

    _train_video(MotionRecipe(rate), scenes, 6000, workers=workers, device=device, steps=steps, **course)


@train.command(short_help='The network of prior="video".')
@_material
@_start
@_course
def denoiser(steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn to take noise from video.

    Short clips with any noise are made from photographs and clips. The rate of learning falls along --steps (12000
    unless given): choose what fits into --minutes. OUT/denoiser.safetensors has the weights so far; give them to a
    filter with prior="video:OUT/denoiser.safetensors".
    """
    from vsdeblur.training.moving import MovingFrames
    from vsdeblur.training.recipes.denoiser import STEPS, DenoiserRecipe

    recipe = DenoiserRecipe(steps or STEPS, rate)
    _train_video(recipe, lambda material, _: MovingFrames(material), 3000, steps=recipe.steps, **course)


@train.command(short_help='The network of solver="unrolled".')
@_material
@_start
@_course
def unrolled(steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn what key frames look like, from those that the solver finds.

    Scenes are made from photographs and clips and solved; that takes longer than the learning does. The rate of
    learning falls along --steps (5000 unless given): choose what fits into --minutes. OUT/unrolled.safetensors has the
    weights so far; give them to a filter with solver="unrolled:OUT/unrolled.safetensors".
    """
    from vsdeblur.training.recipes.unrolled import STEPS, UnrolledRecipe
    from vsdeblur.training.solved import SolvedScenes

    recipe = UnrolledRecipe(steps or STEPS, rate)
    _train_video(recipe, lambda material, _: SolvedScenes(material), 4000, steps=recipe.steps, **course)


@train.command(short_help='The network at rendered instants, of solver="unrolled".')
@_material
@_start
@_course
def instants(steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn what instants look like, from what the solver makes of them.

    Scenes are made from photographs and clips, solved and rendered; that takes longer than the learning does. The rate
    of learning falls along --steps (8000 unless given): choose what fits into --minutes. OUT/instants.safetensors has
    the weights so far; give them to a filter with solver="unrolled:OUT".
    """
    from vsdeblur.training.instants import InstantScenes
    from vsdeblur.training.recipes.instants import STEPS, InstantsRecipe

    recipe = InstantsRecipe(steps or STEPS, rate)
    _train_video(recipe, lambda material, _: InstantScenes(material), 4000, steps=recipe.steps, **course)


@train.command(short_help="The network that reads blur off a picture.")
@_photos
@_start
@_course
def kernels(steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn what a picture's blur looks like, for deblurring frame by frame.

    Photographs by a shaken camera are made from sharp ones. The rate of learning falls along --steps (8000 unless
    given): choose what fits into --minutes. OUT/kernels.safetensors has the weights so far; give them to vsdeblur
    image with --estimator network:OUT.
    """
    from vsdeblur.training.recipes.kernels import STEPS, KernelsRecipe
    from vsdeblur.training.shaken import ShakenPhotos

    recipe = KernelsRecipe(steps or STEPS, rate)
    _train_photos(recipe, ShakenPhotos, 6000, steps=recipe.steps, **course)


@train.command(short_help="The network that restores a picture whose blur is known.")
@_photos
@_start
@_course
def restoration(steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn what a picture looks like that was blurred in a known way.

    Photographs by a shaken camera are made from sharp ones, as for kernels. The rate of learning falls along --steps
    (4000 unless given): choose what fits into --minutes. OUT/restoration.safetensors has the weights so far; give them
    to vsdeblur image with --deconvolver unrolled:OUT.
    """
    from vsdeblur.training.recipes.restoration import STEPS, RestorationRecipe
    from vsdeblur.training.shaken import ShakenPhotos

    recipe = RestorationRecipe(steps or STEPS, rate)
    _train_photos(recipe, ShakenPhotos, 6000, steps=recipe.steps, **course)


@train.command(short_help="Both together, the one through the other.")
@click.option("--kernels", type=_WEIGHTS, help="Its weights to start from, file or folder, if not the project's.")
@click.option("--restoration", type=_WEIGHTS, help="The same of the other network.")
@_photos
@_course
def joint(kernels: Path | None, restoration: Path | None, steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn to find a blur that can be undone, and to undo one that was found.

    Goes on with the networks of kernels and restoration, once each has been trained alone. The rate of learning falls
    along --steps (2000 unless given): choose what fits into --minutes. OUT/kernels.safetensors and
    OUT/restoration.safetensors have the weights so far; give both to vsdeblur image with --estimator network:OUT and
    --deconvolver unrolled:OUT.
    """
    from vsdeblur.training.recipes.joint import STEPS, JointRecipe
    from vsdeblur.training.shaken import ShakenPhotos

    recipe = JointRecipe(steps or STEPS, rate, kernels=kernels, restoration=restoration)
    _train_photos(recipe, ShakenPhotos, 6000, steps=recipe.steps, **course)


@train.command(short_help='The network of shutter="auto".')
@_material
@_start
@_course
def shutter(steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn how long a shutter was open from how blur repeats along the motion.

    Scenes with a known shutter are made from photographs and clips. The rate of learning falls along --steps (3000
    unless given): choose what fits into --minutes. OUT/shutter.safetensors has the weights so far.
    """
    from vsdeblur.training.exposed import ExposedScenes
    from vsdeblur.training.recipes.shutter import STEPS, ShutterRecipe

    recipe = ShutterRecipe(steps or STEPS, rate)
    _train_video(recipe, lambda material, _: ExposedScenes(material), 4000, steps=recipe.steps, **course)


def _train_video(
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


def _train_photos(
    recipe: Recipe, scenes: Callable[[Sequence[Path]], Maker], count: int, *, photos: Path, **course: Any
) -> None:
    """Train on photographs; the rest as ``_train``."""
    from vsdeblur.training.photos import find_photos

    kept, held = find_photos(photos)
    click.echo(f"{len(kept)} photographs, {len(held)} held out", err=True)
    _train(recipe, lambda _: (scenes(kept), scenes(held)), count, **course)


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
) -> None:
    """Train and judge.

    Args:
        recipe: What is trained.
        makers: Of samples on a device: those to train on, and those held out.
        count: Of samples to train on, at most.
    """
    from vsdeblur.device import choose_device
    from vsdeblur.options import parse_device
    from vsdeblur.training.checkpoint import CHECKPOINT, weight_files
    from vsdeblur.training.loop import Course, judge
    from vsdeblur.training.loop import train as run
    from vsdeblur.training.pool import Pool
    from vsdeblur.training.source import GrowingPool, rendered_ahead

    place_for(out)
    if not resume and (out / CHECKPOINT).exists():
        raise ArgumentError("--out", str(out), "a folder without a checkpoint, or --resume given")
    where = choose_device(parse_device(device))
    kept, held_out = makers(str(where))
    source = GrowingPool(Pool(out / "scenes", kept, seed), recipe.batch, reuse=reuse, limit=count)
    held = Pool(out / "held", held_out, seed + 1)
    stopped: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
    try:
        with rendered_ahead(source, workers):
            course = Course(minutes, seed, str(where), steps, half_precision=where.type != "mps", start_from=start_from)
            state = run(recipe, source, out, course, resume, stop=lambda: bool(stopped))
    finally:
        signal.signal(signal.SIGINT, before)
    files = ", ".join(str(path) for path in weight_files(state.smooth, recipe, out))
    click.echo(f"step {state.step} after {state.seconds / 60:.1f} min: {files}")
    scores = judge(recipe, state, [held[k] for k in range(HELD_SCENES)], out)
    click.echo(", ".join(f"{key} {value:.3f}" for key, value in scores.items()))
