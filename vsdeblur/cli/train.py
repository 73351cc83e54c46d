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
    from vsdeblur.training.loop import Recipe
    from vsdeblur.training.pool import Maker

HELD_SCENES = 16  # that the network is judged by in the end
_FOLDER = click.Path(file_okay=False, path_type=Path)
_WEIGHTS = click.Path(path_type=Path)


@click.group(short_help="Train the project's networks.")
def train() -> None:
    """Train the project's own networks on your photographs and clips."""


def _course[F: Callable[..., None]](command: F) -> F:
    """The options that every recipe takes."""
    for option in reversed(
        (
            click.option("--photos", type=_FOLDER, required=True, help="Sharp photographs; every tenth is held out."),
            click.option("--minutes", type=click.FloatRange(0, min_open=True), default=90, show_default=True),
            click.option("--steps", type=click.IntRange(1), help="Stop at this step at the latest."),
            click.option(
                "--device", default="cpu", show_default=True, metavar="NAME", help="cpu, cuda, cuda:0 or mps."
            ),
            click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
            click.option("--resume", is_flag=True, help="Go on with the run in --out."),
            click.option(
                "--workers", type=click.IntRange(0), default=1, show_default=True, help="Processes that render."
            ),
            click.option("--out", type=_FOLDER, required=True, help="Folder for weights, checkpoint, log and scenes."),
        )
    ):
        command = option(command)
    return command


@train.command(short_help='The network of flow="blur".')
@click.option("--clips", type=_FOLDER, help="Folder of sharp clips at a high rate: further scenes, motion unknown.")
@_course
def motion(photos: Path, clips: Path | None, workers: int, device: str, **course: Any) -> None:
    """Learn the paths of moving things from how they are blurred.

    Scenes with known motion are made from the photographs. OUT/motion.safetensors has the weights so far, at most a
    minute old; give them to a filter with flow="blur:OUT/motion.safetensors". A second run with --resume and more
    --minutes goes on where the first one ended, whether it ended or was interrupted.
    """
    from vsdeblur.training.blurry import BlurryScenes
    from vsdeblur.training.clips import find_clips
    from vsdeblur.training.recipes.motion import MotionRecipe

    films = find_clips(clips) if clips else []

    def scenes(chosen: Sequence[Path], where: str) -> Maker:
        return BlurryScenes(chosen, clips=films, device="cpu" if workers else where)

    _train(MotionRecipe(), scenes, 6000, photos, workers, device, **course)


@train.command(short_help='The network of prior="video".')
@_course
def denoiser(photos: Path, workers: int, device: str, steps: int | None, **course: Any) -> None:
    """Learn to take noise from video.

    Short clips with any noise are made from the photographs. The rate of learning falls along --steps (12000 unless
    given): choose what fits into --minutes. OUT/denoiser.safetensors has the weights so far; give them to a filter with
    prior="video:OUT/denoiser.safetensors".
    """
    from vsdeblur.training.moving import MovingPhotos
    from vsdeblur.training.recipes.denoiser import STEPS, DenoiserRecipe

    recipe = DenoiserRecipe(steps or STEPS)
    _train(recipe, lambda chosen, _: MovingPhotos(chosen), 3000, photos, workers, device, steps=recipe.steps, **course)


@train.command(short_help='The network of solver="unrolled".')
@_course
def unrolled(photos: Path, workers: int, device: str, steps: int | None, **course: Any) -> None:
    """Learn what key frames look like, from those that the solver finds.

    Scenes are made from the photographs and solved; that takes longer than the learning does. The rate of learning
    falls along --steps (5000 unless given): choose what fits into --minutes. OUT/unrolled.safetensors has the weights
    so far; give them to a filter with solver="unrolled:OUT/unrolled.safetensors".
    """
    from vsdeblur.training.recipes.unrolled import STEPS, UnrolledRecipe
    from vsdeblur.training.solved import SolvedScenes

    recipe = UnrolledRecipe(steps or STEPS)
    _train(recipe, lambda chosen, _: SolvedScenes(chosen), 4000, photos, workers, device, steps=recipe.steps, **course)


@train.command(short_help='The network at rendered instants, of solver="unrolled".')
@_course
def instants(photos: Path, workers: int, device: str, steps: int | None, **course: Any) -> None:
    """Learn what instants look like, from what the solver makes of them.

    Scenes are made from the photographs, solved and rendered; that takes longer than the learning does. The rate of
    learning falls along --steps (8000 unless given): choose what fits into --minutes. OUT/instants.safetensors has the
    weights so far; give them to a filter with solver="unrolled:OUT".
    """
    from vsdeblur.training.instants import InstantScenes
    from vsdeblur.training.recipes.instants import STEPS, InstantsRecipe

    recipe = InstantsRecipe(steps or STEPS)
    _train(recipe, lambda chosen, _: InstantScenes(chosen), 4000, photos, workers, device, steps=recipe.steps, **course)


@train.command(short_help="The network that reads blur off a picture.")
@_course
def kernels(photos: Path, workers: int, device: str, steps: int | None, **course: Any) -> None:
    """Learn what a picture's blur looks like, for deblurring frame by frame.

    Photographs by a shaken camera are made from sharp ones. The rate of learning falls along --steps (8000 unless
    given): choose what fits into --minutes. OUT/kernels.safetensors has the weights so far; give them to vsdeblur
    image with --estimator network:OUT.
    """
    from vsdeblur.training.recipes.kernels import STEPS, KernelsRecipe
    from vsdeblur.training.shaken import ShakenPhotos

    recipe = KernelsRecipe(steps or STEPS)
    _train(recipe, lambda chosen, _: ShakenPhotos(chosen), 6000, photos, workers, device, steps=recipe.steps, **course)


@train.command(short_help="The network that restores a picture whose blur is known.")
@_course
def restoration(photos: Path, workers: int, device: str, steps: int | None, **course: Any) -> None:
    """Learn what a picture looks like that was blurred in a known way.

    Photographs by a shaken camera are made from sharp ones, as for kernels. The rate of learning falls along --steps
    (4000 unless given): choose what fits into --minutes. OUT/restoration.safetensors has the weights so far; give them
    to vsdeblur image with --deconvolver unrolled:OUT.
    """
    from vsdeblur.training.recipes.restoration import STEPS, RestorationRecipe
    from vsdeblur.training.shaken import ShakenPhotos

    recipe = RestorationRecipe(steps or STEPS)
    _train(recipe, lambda chosen, _: ShakenPhotos(chosen), 6000, photos, workers, device, steps=recipe.steps, **course)


@train.command(short_help="Both together, the one through the other.")
@click.option("--kernels", type=_WEIGHTS, help="Its weights to start from, file or folder, if not the project's.")
@click.option("--restoration", type=_WEIGHTS, help="The same of the other network.")
@_course
def joint(
    photos: Path,
    kernels: Path | None,
    restoration: Path | None,
    workers: int,
    device: str,
    steps: int | None,
    **course: Any,
) -> None:
    """Learn to find a blur that can be undone, and to undo one that was found.

    Goes on with the networks of kernels and restoration, once each has been trained alone. The rate of learning falls
    along --steps (2000 unless given): choose what fits into --minutes. OUT/kernels.safetensors and
    OUT/restoration.safetensors have the weights so far; give both to vsdeblur image with --estimator network:OUT and
    --deconvolver unrolled:OUT.
    """
    from vsdeblur.training.recipes.joint import STEPS, JointRecipe
    from vsdeblur.training.shaken import ShakenPhotos

    recipe = JointRecipe(steps or STEPS, kernels, restoration)
    _train(recipe, lambda chosen, _: ShakenPhotos(chosen), 6000, photos, workers, device, steps=recipe.steps, **course)


@train.command(short_help='The network of shutter="auto".')
@_course
def shutter(photos: Path, workers: int, device: str, steps: int | None, **course: Any) -> None:
    """Learn how long a shutter was open from how blur repeats along the motion.

    Scenes with a known shutter are made from the photographs. The rate of learning falls along --steps (3000 unless
    given): choose what fits into --minutes. OUT/shutter.safetensors has the weights so far.
    """
    from vsdeblur.training.exposed import ExposedScenes
    from vsdeblur.training.recipes.shutter import STEPS, ShutterRecipe

    recipe = ShutterRecipe(steps or STEPS)
    _train(recipe, lambda chosen, _: ExposedScenes(chosen), 4000, photos, workers, device, steps=recipe.steps, **course)


def _train(
    recipe: Recipe,
    scenes: Callable[[Sequence[Path], str], Maker],
    count: int,
    photos: Path,
    workers: int,
    device: str,
    *,
    minutes: float,
    steps: int | None,
    seed: int,
    resume: bool,
    out: Path,
) -> None:
    """scenes: what makes samples from these photographs on that device. count: of them, at most."""
    from vsdeblur.device import choose_device
    from vsdeblur.options import parse_device
    from vsdeblur.training.checkpoint import CHECKPOINT, weight_files
    from vsdeblur.training.loop import Course, judge
    from vsdeblur.training.loop import train as run
    from vsdeblur.training.photos import find_photos
    from vsdeblur.training.pool import Pool
    from vsdeblur.training.source import GrowingPool, rendered_ahead

    place_for(out)
    if not resume and (out / CHECKPOINT).exists():
        raise ArgumentError("--out", str(out), "a folder without a checkpoint, or --resume given")
    where = choose_device(parse_device(device))
    kept, held_out = find_photos(photos)
    source = GrowingPool(Pool(out / "scenes", scenes(kept, str(where)), seed), recipe.batch, limit=count)
    held = Pool(out / "held", scenes(held_out, str(where)), seed + 1)
    click.echo(f"{len(kept)} photographs, {len(held_out)} held out", err=True)
    stopped: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
    try:
        with rendered_ahead(source, workers):
            course = Course(minutes, seed, str(where), steps, half_precision=where.type != "mps")
            state = run(recipe, source, out, course, resume, stop=lambda: bool(stopped))
    finally:
        signal.signal(signal.SIGINT, before)
    files = ", ".join(str(path) for path in weight_files(state.smooth, recipe, out))
    click.echo(f"step {state.step} after {state.seconds / 60:.1f} min: {files}")
    scores = judge(recipe, state, [held[k] for k in range(HELD_SCENES)], out)
    click.echo(", ".join(f"{key} {value:.3f}" for key, value in scores.items()))
