"""``vsdeblur train``."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from vsdeblur.cli._shared import place_for
from vsdeblur.errors import ArgumentError

HELD_SCENES = 16  # that the network is judged by in the end
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.group(short_help="Train the project's networks.")
def train() -> None:
    """Train the project's own networks on your photographs and clips."""


@train.command(short_help='The network of flow="blur".')
@click.option("--photos", type=_FOLDER, required=True, help="Folder of sharp photographs; every tenth is held out.")
@click.option("--clips", type=_FOLDER, help="Folder of sharp clips at a high rate: further scenes, motion unknown.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=90, show_default=True, help="In all.")
@click.option("--steps", type=click.IntRange(1), help="Stop at this step at the latest.")
@click.option("--device", default="cpu", show_default=True, metavar="NAME", help="cpu, cuda, cuda:0 or mps.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@click.option("--workers", type=click.IntRange(0), default=1, show_default=True, help="Processes that render scenes.")
@click.option("--out", type=_FOLDER, required=True, help="Folder for weights, checkpoint, log, plot and scenes.")
def motion(
    photos: Path,
    clips: Path | None,
    minutes: float,
    steps: int | None,
    device: str,
    seed: int,
    resume: bool,
    workers: int,
    out: Path,
) -> None:
    """Learn the paths of moving things from how they are blurred.

    Scenes with known motion are made from the photographs. OUT/motion.safetensors has the weights so far, at most a
    minute old; give them to a filter with flow="blur:OUT/motion.safetensors". A second run with --resume and more
    --minutes goes on where the first one ended, whether it ended or was interrupted.
    """
    from vsdeblur.engine import choose_device
    from vsdeblur.options import parse_device
    from vsdeblur.training.checkpoint import CHECKPOINT
    from vsdeblur.training.clips import find_clips
    from vsdeblur.training.loop import Course, judge
    from vsdeblur.training.loop import train as run
    from vsdeblur.training.photos import find_photos
    from vsdeblur.training.pool import Pool
    from vsdeblur.training.recipes.motion import MotionRecipe
    from vsdeblur.training.source import GrowingPool, rendered_ahead

    place_for(out)
    if not resume and (out / CHECKPOINT).exists():
        raise ArgumentError("--out", str(out), "a folder without a checkpoint, or --resume given")
    where = choose_device(parse_device(device))
    kept, held_out = find_photos(photos)
    films = find_clips(clips) if clips else []
    recipe = MotionRecipe()
    rendering = "cpu" if workers else str(where)
    source = GrowingPool(Pool(out / "scenes", kept, seed, clips=films, device=rendering), recipe.batch)
    held = Pool(out / "held", held_out, seed + 1)
    click.echo(f"{len(kept)} photographs, {len(held_out)} held out, {len(films)} clips", err=True)
    stopped: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
    try:
        with rendered_ahead(source, workers):
            course = Course(minutes, seed, str(where), steps, half_precision=where.type != "mps")
            state = run(recipe, source, out, course, resume, stop=lambda: bool(stopped))
    finally:
        signal.signal(signal.SIGINT, before)
    click.echo(f"step {state.step} after {state.seconds / 60:.1f} min: {out / 'motion.safetensors'}")
    scores = judge(recipe, state, [held[k] for k in range(HELD_SCENES)], out)
    click.echo(", ".join(f"{key} {value:.3f}" for key, value in scores.items()))
