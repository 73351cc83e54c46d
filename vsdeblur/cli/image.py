"""``vsdeblur image``."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsdeblur.cli._options import refuse_given, setting_option
from vsdeblur.cli._shared import place_for, quiet_console
from vsdeblur.errors import ArgumentError, DeblurError, InputError
from vsdeblur.pages.quantities import clock
from vsdeblur.stills.about import FAMILIES, LOSSY, QUALITY

if TYPE_CHECKING:
    from rich.console import Console

    from vsdeblur.blind.operators.protocol import Blur
    from vsdeblur.stills.deblur import Deblurred

FAILURE, PARTIAL = 1, 3
SAMPLERS = ("i2sb", "cddb", "dds", "pigdm", "dps", "split-gibbs")  # methods whose results differ by seed
_CHANGE = 1e-4  # parts of white: less comes from the transfer function, there and back


@click.command(short_help="Deblur still pictures, each by itself.")
@click.argument("paths", nargs=-1, required=True, metavar="IN... OUT")
@setting_option("transfer", help="Transfer function: srgb, linear, pq, ...  [default: srgb; linear for floating point]")
@click.option(
    "--estimator",
    metavar="NAME",
    help=(
        "Finds the blur: path (a shaken camera), em or blind-dps (go on from it by diffusion), uniform, network "
        "(quick), local (things that moved before a still camera); em:PATH and so on with your weights.  [default: "
        "path, else local]"
    ),
)
@click.option(
    "--deconvolver",
    "--method",
    "deconvolver",
    metavar="NAME",
    help="plug-and-play, richardson-lucy; learned: unrolled, the bridges indi, i2sb, cddb, diffusion by dds, pigdm, "
    "dps, split-gibbs; unrolled:PATH and so on with your weights.  [default: split-gibbs, or plug-and-play "
    "with a prior of that]",
)
@click.option("--steps", type=int, metavar="N", help="Of bridges and diffusion.  [default: the method's own]")
@click.option("--seed", type=int, metavar="N", help="Of bridges and diffusion: another one draws another picture.")
@click.option(
    "--samples",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Drawn pictures: OUT is their mean; beside it OUT-1, OUT-2, ... and OUT-spread, where they disagree.",
)
@setting_option(
    "prior",
    help="Prior on sharp pictures: tv, video, ...; of diffusion diffusers:PATH, latent:PATH.  [default: that of the "
    "deconvolver]",
)
@click.option(
    "--noise", type=float, metavar="SIGMA", help="Standard deviation, in parts of white; measured by default."
)
@setting_option("device")
@setting_option("max_memory")
@click.option("--quality", type=click.IntRange(1, 100), default=QUALITY, show_default=True, help="Of JPEG and WebP.")
@click.option(
    "--before-after", type=click.Path(dir_okay=False, path_type=Path), help="Write both, side by side, as a picture."
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def image(
    paths: tuple[str, ...], quality: int, before_after: Path | None, overwrite: bool, quiet: bool, **options: Any
) -> int:
    """Deblur still pictures (PNG, JPEG, TIFF, WebP), each from itself alone.

    OUT is a file, or for several pictures a folder, in which each keeps its name. Depth, alpha, colour profile, Exif
    and orientation stay. Exit code 3 means that some of several pictures could not be done.

    \b
    vsdeblur image shaken.jpg sharp.jpg --before-after both.png
    vsdeblur image shaken.jpg sharp.jpg --samples 4
    vsdeblur image *.tif out/
    """
    from vsdeblur.stills.deblur import check_still

    jobs = _jobs(paths)
    place_for(before_after)
    if before_after is not None and before_after.suffix.lower() not in FAMILIES:
        raise ArgumentError("before_after", str(before_after), "a name that ends in " + ", ".join(FAMILIES))
    _refuse_unused(options, [target for _, target in jobs], before_after)
    if options["samples"] > 1 and _deconvolver(options).partition(":")[0] not in SAMPLERS:
        raise ArgumentError("samples", options["samples"], "1 unless {deconvolver} is one of " + ", ".join(SAMPLERS))
    for source, target in jobs:
        check_still(source, target, overwrite)
    options = {name: value for name, value in options.items() if value is not None}
    done, failed = _run(quiet_console(quiet), jobs, {**options, "quality": quality, "overwrite": overwrite})
    if before_after is not None and done:
        _write_pairs(before_after, done, quality)
    if not failed:
        return 0
    if len(jobs) == 1:
        raise failed[0]
    for error in failed:
        click.echo(f"vsdeblur: {error}", err=True)
    return PARTIAL if len(failed) < len(jobs) else FAILURE


def _jobs(paths: tuple[str, ...]) -> list[tuple[Path, Path]]:
    """Every input with its output; makes the folder where one is named."""
    if len(paths) < 2:
        raise ArgumentError("OUT", "nothing", "a file, or a folder for several pictures")
    *names, last = paths
    sources, out = [Path(name) for name in names], Path(last)
    missing = next((source for source in sources if not os.path.isfile(source)), None)
    if missing is not None:
        raise InputError(f"{missing}: no such file")
    if len(sources) == 1 and not os.path.isdir(out) and not last.endswith(("/", "\\")):
        return [(sources[0], out)]
    if len(sources) > 1 and not os.path.isdir(out) and out.suffix and not last.endswith(("/", "\\")):
        raise ArgumentError("OUT", last, "a folder for several pictures (a / at its end makes one)")
    targets = [out / source.name for source in sources]
    twice = {target for target in targets if targets.count(target) > 1}
    if twice:
        raise ArgumentError("IN", str(min(twice)), "files of different names: they go into one folder")
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}") from None
    return list(zip(sources, targets, strict=True))


def _refuse_unused(options: dict[str, Any], targets: list[Path], before_after: Path | None) -> None:
    """Refuse what has no effect on these pictures. Raises ArgumentError."""
    written = [path.suffix.lower() for path in (*targets, before_after) if path is not None]
    if not any(FAMILIES.get(suffix) in LOSSY for suffix in written):
        refuse_given(("quality",), "for pictures that are stored without loss")
    if options["deconvolver"] == "richardson-lucy":
        refuse_given(("noise",), "with {deconvolver=richardson-lucy}, whose number of steps bounds the noise")


def _run(
    console: Console, jobs: list[tuple[Path, Path]], options: dict[str, Any]
) -> tuple[list[Deblurred], list[DeblurError]]:
    """What became of every picture. A wrong argument ends all at once."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from vsdeblur.stills.deblur import deblur_still

    done: list[Deblurred] = []
    failed: list[DeblurError] = []
    columns = (
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(jobs))
        for source, target in jobs:
            progress.update(task, description=source.name)
            begin = time.monotonic()
            try:
                one = deblur_still(source, target, **options)
            except ArgumentError:
                raise
            except DeblurError as error:
                failed.append(error)
            else:
                done.append(one)
                console.print(_line(one, target, _method(options, one.blur), time.monotonic() - begin), soft_wrap=True)
            progress.advance(task)
    return done, failed


def _deconvolver(options: dict[str, Any]) -> str:
    """The name of what undoes the blur."""
    from vsdeblur.blind.methods import automatic_deconvolver

    return options.get("deconvolver") or automatic_deconvolver(options.get("prior"))


def _method(options: dict[str, Any], blur: Blur) -> str:
    """What made the picture: how the blur was found, and how it was undone."""
    from vsdeblur.blind.operators.protocol import LayeredBlur
    from vsdeblur.blind.operators.uniform import UniformBlur

    given = [f"{name} {options[name]}" for name in ("steps", "seed") if name in options]
    given += [f"mean of {options['samples']}"] if options["samples"] > 1 else []
    deconvolver = " ".join([_deconvolver(options), *given])
    kinds = {LayeredBlur: "local", UniformBlur: "uniform"}
    automatic = next((name for kind, name in kinds.items() if isinstance(blur, kind)), "path")
    return f"{options.get('estimator') or automatic}, {deconvolver}"


def _line(one: Deblurred, target: Path, method: str, seconds: float) -> str:
    from vsdeblur.blind.draw import grid_points, strokes
    from vsdeblur.blind.operators.protocol import LayeredBlur

    lengths = strokes(one.blur.kernels(grid_points(one.blur.size)))[0]
    height, width = one.blur.size
    found = f"blur of {lengths.median():.1f} px, {method}"
    if isinstance(one.blur, LayeredBlur):
        parts = one.blur.count - 1
        found = f"{parts} {'part' if parts == 1 else 'parts'} moved by up to {lengths.max():.0f} px, {method}"
    if float((one.after.values - one.before.values).abs().max()) < _CHANGE:
        found = "left as it is: no blur was found that explains it and whose removal does no harm"
    return f"{width}x{height}, {found}, {clock(seconds)}: {target}"


def _write_pairs(path: Path, done: list[Deblurred], quality: int) -> None:
    from vsdeblur.stills.deblur import save, side_by_side
    from vsdeblur.stills.still import encode_still, family_of

    save(path, encode_still(side_by_side(done), family_of(path), quality))
