"""``vsdeblur train``: the networks of video."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from vsdeblur.cli._training import refuse_camera, self_supervised_options, train_blurry, train_video, video_options

if TYPE_CHECKING:
    from vsdeblur.training.material import Material
    from vsdeblur.training.pool import Maker
    from vsdeblur.training.recipe import Recipe


@click.command(short_help='The network of flow="blur".')
@video_options
def motion(
    workers: int, device: str, steps: int | None, rate: float | None, start_from: str | None, **course: Any
) -> None:
    """Learn the paths of moving things from how they are blurred.

    Scenes with known motion are made from the photographs; in clips it is followed through their sharp frames. The rate
    of learning falls along --steps (6000 unless given): choose what fits into --minutes. OUT/motion.safetensors has the
    weights so far, at most a minute old; give them to a filter with flow="blur:OUT/motion.safetensors". A second run
    with --resume and more --minutes goes on where the first one ended, whether it ended or was interrupted.
    """
    from vsdeblur.training.blurry import BlurryScenes, PathScenes
    from vsdeblur.training.recipes.motion import STEPS, MotionRecipe

    recipe = MotionRecipe(steps or STEPS, rate, new=start_from is None)

    def scenes(material: Material, where: str) -> Maker:
        return BlurryScenes(PathScenes(material, device="cpu" if workers else where))

    course |= {"workers": workers, "device": device, "steps": recipe.steps, "start_from": start_from}
    train_video(recipe, scenes, 6000, **course)


@click.command(short_help='The network of flow="paths".')
@video_options
def paths(steps: int | None, workers: int, device: str, rate: float | None, **course: Any) -> None:
    """Learn motion from blurry frames alone, without a first flow.

    Scenes with known motion are made from the photographs; in clips it is followed through their sharp frames. The rate
    of learning falls along --steps (20000 unless given): choose what fits into --minutes. OUT/paths.safetensors has the
    weights so far; give them to a filter with flow="paths:OUT/paths.safetensors".
    """
    from dataclasses import replace

    from vsdeblur.training.blurry import PathScenes
    from vsdeblur.training.recipes.paths import FASTEST, STEPS, PathRecipe

    recipe = PathRecipe(steps or STEPS, rate)

    def scenes(material: Material, where: str) -> Maker:
        return PathScenes(replace(material, fastest=FASTEST), device="cpu" if workers else where)

    train_video(recipe, scenes, 12000, workers=workers, device=device, steps=recipe.steps, **course)


@click.command(short_help='The network of prior="video".')
@video_options
def denoiser(steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn to take noise from video.

    Short clips with any noise are made from photographs and clips. The rate of learning falls along --steps (12000
    unless given): choose what fits into --minutes. OUT/denoiser.safetensors has the weights so far; give them to a
    filter with prior="video:OUT/denoiser.safetensors".
    """
    from vsdeblur.training.moving import MovingFrames
    from vsdeblur.training.recipes.denoiser import STEPS, DenoiserRecipe

    recipe = DenoiserRecipe(steps or STEPS, rate)
    train_video(recipe, lambda material, _: MovingFrames(material), 3000, steps=recipe.steps, **course)


@click.command(short_help='The network of solver="unrolled".')
@self_supervised_options
@video_options
def unrolled(steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn what key frames look like, from those that the solver finds.

    Scenes are made from photographs and clips and solved; that takes longer than the learning does. The rate of
    learning falls along --steps (5000 unless given): choose what fits into --minutes. OUT/unrolled.safetensors has the
    weights so far; give them to a filter with solver="unrolled:OUT/unrolled.safetensors".

    With --self-supervised blurry clips are enough: what the bundled weights make of their parts is blurred again by the
    clips' own shutter. One part in three is never learned from: there the new weights are to predict exposures from
    restored neighbours better than the weights of --start-from, or the released ones.
    """
    from vsdeblur.training.adapt import KEY_FRAMES
    from vsdeblur.training.recipes.unrolled import STEPS, UnrolledRecipe
    from vsdeblur.training.solved import SolvedScenes

    recipe = UnrolledRecipe(steps or STEPS, rate)
    _train_solved(recipe, KEY_FRAMES, SolvedScenes, steps=recipe.steps, **course)


@click.command(short_help='The network at rendered instants, of solver="unrolled".')
@self_supervised_options
@video_options
def instants(steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn what instants look like, from what the solver makes of them.

    Scenes are made from photographs and clips, solved and rendered; that takes longer than the learning does. The rate
    of learning falls along --steps (8000 unless given): choose what fits into --minutes. OUT/instants.safetensors has
    the weights so far; give them to a filter with solver="unrolled:OUT".

    With --self-supervised blurry clips are enough: what the bundled weights make of their parts is blurred again by the
    clips' own shutter. One part in three is never learned from: there the new weights are to predict exposures from
    restored neighbours better than the weights of --start-from, or the released ones.
    """
    from vsdeblur.training.adapt import INSTANTS
    from vsdeblur.training.instants import InstantScenes
    from vsdeblur.training.recipes.instants import STEPS, InstantsRecipe

    recipe = InstantsRecipe(steps or STEPS, rate)
    _train_solved(recipe, INSTANTS, InstantScenes, steps=recipe.steps, **course)


def _train_solved(
    recipe: Recipe,
    network: str,
    scenes: Callable[[Material], Maker],
    *,
    self_supervised: bool,
    shutter: str | None,
    transfer: str | None,
    **course: Any,
) -> None:
    """From what the solver makes of scenes, or of blurry clips."""
    if self_supervised:
        train_blurry(recipe, network, shutter=shutter, transfer=transfer, **course)
        return
    refuse_camera(shutter, transfer)
    train_video(recipe, lambda material, _: scenes(material), 4000, **course)


@click.command(short_help='The network of shutter="auto".')
@video_options
def shutter(steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn how long a shutter was open from how blur repeats along the motion.

    Scenes with a known shutter are made from photographs and clips. The rate of learning falls along --steps (3000
    unless given): choose what fits into --minutes. OUT/shutter.safetensors has the weights so far.
    """
    from vsdeblur.training.exposed import ExposedScenes
    from vsdeblur.training.recipes.shutter import STEPS, ShutterRecipe

    recipe = ShutterRecipe(steps or STEPS, rate)
    train_video(recipe, lambda material, _: ExposedScenes(material), 4000, steps=recipe.steps, **course)


COMMANDS = (motion, paths, denoiser, unrolled, instants, shutter)
