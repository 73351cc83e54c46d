"""``vsdeblur train``: the networks of single pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsdeblur.cli._training import (
    course_options,
    photo_options,
    start_option,
    train_made,
    train_photos,
    train_video,
    video_options,
)
from vsdeblur.errors import ArgumentError

if TYPE_CHECKING:
    from vsdeblur.training.pool import Maker

_WEIGHTS = click.Path(path_type=Path)


@click.command(short_help="The network that reads blur off a picture.")
@photo_options
@start_option
@course_options
def kernels(steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn what a picture's blur looks like, for deblurring frame by frame.

    Photographs by a shaken camera are made from sharp ones. The rate of learning falls along --steps (8000 unless
    given): choose what fits into --minutes. OUT/kernels.safetensors has the weights so far; give them to vsdeblur
    image with --estimator network:OUT.
    """
    from vsdeblur.training.recipes.kernels import STEPS, KernelsRecipe
    from vsdeblur.training.shaken import ShakenPhotos

    recipe = KernelsRecipe(steps or STEPS, rate)
    train_photos(recipe, ShakenPhotos, 6000, steps=recipe.steps, **course)


@click.command(short_help="The network that restores a picture whose blur is known.")
@click.option(
    "--self-supervised",
    type=click.Choice(["known", "directional", "full"]),
    help="Never look at a sharp picture. known: photographs are blurred, and the blur is given. directional, full: "
    "--photos are blurry as they are, and the blur is found in them, along a line or of any form.",
)
@click.option(
    "--losses",
    type=click.Choice(["own", "deepinv"]),
    default="own",
    show_default=True,
    help="With --self-supervised known: deepinv has SURE and its equivariant loss instead (extra deepinv).",
)
@photo_options
@start_option
@course_options
def restoration(self_supervised: str | None, losses: str, steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn what a picture looks like that was blurred in a known way.

    Photographs by a shaken camera are made from sharp ones, as for kernels. The rate of learning falls along --steps
    (4000 unless given): choose what fits into --minutes. OUT/restoration.safetensors has the weights so far; give them
    to vsdeblur image with --deconvolver unrolled:OUT.

    With --self-supervised blurry pictures are enough: results, blurred again, have to be the pictures, and results
    that were made smaller and turned have to be found again once they are blurred. Go from known to full by
    --start-from.
    """
    from vsdeblur.training.blurry_pictures import BlurryPictures
    from vsdeblur.training.recipes.equivariant import EquivariantRecipe
    from vsdeblur.training.recipes.restoration import STEPS, RestorationRecipe
    from vsdeblur.training.shaken import ShakenPhotos

    if losses == "deepinv" and self_supervised != "known":
        raise ArgumentError("--losses", losses, "own without --self-supervised known")
    recipe = RestorationRecipe(steps or STEPS, rate)
    scenes: Callable[[Sequence[Path]], Maker] = ShakenPhotos
    if losses == "deepinv":
        from vsdeblur.training.recipes.equivariant_deepinv import DeepinvRecipe

        recipe = DeepinvRecipe(steps or STEPS, rate)
    elif self_supervised is not None:
        recipe = EquivariantRecipe(steps or STEPS, rate, kind=None if self_supervised == "known" else self_supervised)
        if recipe.kind is not None:
            scenes = partial(BlurryPictures, kind=self_supervised)
    train_photos(recipe, scenes, 6000, steps=recipe.steps, **course)


@click.command(short_help="The network of bridges, from a first restoration to the sharp picture.")
@click.option(
    "--restoration", type=_WEIGHTS, help="Weights that it grows out of, file or folder; the project's if not."
)
@photo_options
@start_option
@course_options
def bridge(restoration: Path | None, steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn the steps from a picture restored in a known way to the sharp one.

    Photographs are blurred and restored with total variation, the kernel now and then not quite right. The network
    grows out of that of restoration; with --start-from it goes on from weights of its own. The rate of learning falls
    along --steps (6000 unless given): choose what fits into --minutes. OUT/bridge.safetensors has the weights so far;
    give them to vsdeblur image with --deconvolver indi:OUT.
    """
    from vsdeblur.training.recipes.bridge import STEPS, BridgeRecipe
    from vsdeblur.training.restored import RestoredPhotos

    recipe = BridgeRecipe(steps or STEPS, rate, restoration=restoration)
    train_photos(recipe, RestoredPhotos, 6000, steps=recipe.steps, **course)


@click.command(short_help="The network of diffusion samplers.")
@video_options
def diffusion(steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn what sharp pictures look like under noise of any level.

    The pictures are photographs, frames of clips or both. The rate of learning falls along --steps (12000 unless
    given): choose what fits into --minutes. OUT/diffusion.safetensors has the weights so far; give them to vsdeblur
    image with --deconvolver dds:OUT.
    """
    from vsdeblur.training.recipes.diffusion import STEPS, DiffusionRecipe
    from vsdeblur.training.sharp import SharpPictures

    recipe = DiffusionRecipe(steps or STEPS, rate)
    train_video(recipe, lambda material, _: SharpPictures(material), 12000, steps=recipe.steps, **course)


@click.command(short_help="The networks of diffusion in latents.")
@video_options
def latent(steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn to code pictures at a quarter of their size, and what their latents look like under noise of any level.

    The pictures are photographs, frames of clips or both. The rate of learning falls along --steps (4000 unless
    given): choose what fits into --minutes. OUT/latent.safetensors has the weights so far; give them to vsdeblur image
    with --deconvolver dds --prior latent:OUT.
    """
    from vsdeblur.training.recipes.latent import STEPS, LatentRecipe
    from vsdeblur.training.sharp import SharpPictures

    recipe = LatentRecipe(steps or STEPS, rate)
    train_video(recipe, lambda material, _: SharpPictures(material), 12000, steps=recipe.steps, **course)


@click.command("kernel-prior", short_help="The network of blur kernels for blind diffusion.")
@start_option
@course_options
def kernel_prior(steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn what the kernels of shaken cameras look like under noise of any level.

    They are drawn; no photographs are needed. The rate of learning falls along --steps (8000 unless given): choose
    what fits into --minutes. OUT/kernel-prior.safetensors has the weights so far; give them to vsdeblur image with
    --estimator blind-dps:OUT.
    """
    from vsdeblur.training.camera_kernels import CameraKernels
    from vsdeblur.training.recipes.kernel_prior import STEPS, KernelPriorRecipe

    recipe = KernelPriorRecipe(steps or STEPS, rate)
    train_made(recipe, CameraKernels(), 1500, steps=recipe.steps, **course)


@click.command(short_help="Both together, the one through the other.")
@click.option("--kernels", type=_WEIGHTS, help="Its weights to start from, file or folder, if not the project's.")
@click.option("--restoration", type=_WEIGHTS, help="The same of the other network.")
@photo_options
@course_options
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
    train_photos(recipe, ShakenPhotos, 6000, steps=recipe.steps, **course)


@click.command(short_help="The network of things that move on their own.")
@photo_options
@start_option
@course_options
def local(steps: int | None, rate: float | None, **course: Any) -> None:
    """Learn to find what moved on its own before a still camera.

    Things cut out of photographs move straight before others. The rate of learning falls along --steps (2500 unless
    given): choose what fits into --minutes. OUT/local.safetensors has the weights so far; give them to vsdeblur image
    with --estimator local:OUT.
    """
    from vsdeblur.training.local import LocalPhotos
    from vsdeblur.training.recipes.local import STEPS, LocalRecipe

    recipe = LocalRecipe(steps or STEPS, rate)
    train_photos(recipe, LocalPhotos, 3000, steps=recipe.steps, **course)


COMMANDS = (kernels, restoration, bridge, diffusion, latent, kernel_prior, joint, local)
