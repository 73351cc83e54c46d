"""``vsdeblur adapt``."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from vsdeblur.cli._options import setting_option
from vsdeblur.cli._shared import place_for, quiet_console
from vsdeblur.pages.quantities import clock
from vsdeblur.training.adapt import KEY_FRAMES, NETWORKS, PICTURES

_PAUSE = 15.0  # seconds between lines of progress
_VIDEO = "transcode IN OUT --solver unrolled:"


@click.command(short_help="Let the networks learn from your own clips.")
@click.argument("clips", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="CLIP...")
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    default=5,
    show_default=True,
    help="Of work; judging comes after.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder for the weights.")
@click.option(
    "--network",
    "networks",
    type=click.Choice(NETWORKS),
    multiple=True,
    default=(KEY_FRAMES,),
    show_default=True,
    help="Which one learns: may be given several times, they share the minutes.",
)
@setting_option("shutter")
@setting_option("transfer", default="bt709")
@setting_option("device")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is random.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def adapt(
    clips: tuple[Path, ...],
    minutes: float,
    out: Path,
    networks: tuple[str, ...],
    shutter: str | None,
    transfer: str,
    device: str | None,
    seed: int,
    resume: bool,
    quiet: bool,
) -> None:
    """Let bundled networks learn from your clips, with no sharp footage of them.

    What the bundled weights make of parts of the clips is blurred again by the clips' own shutter, and the last layers
    of a network learn to undo that: of the key frames, of the rendered instants of preset best, or of single pictures.
    Other parts judge: the new weights are kept only where restored pictures predict their neighbours' exposures better
    with them. The last lines say which it is. OUT then holds weights for transcode ... --solver unrolled:OUT, and of
    single pictures for image ... --deconvolver unrolled:OUT; the bundled ones where the new ones did not win. Ctrl-C
    judges what was learned so far; --resume goes on, with the same network or another.
    """
    from vsdeblur.device import choose_device
    from vsdeblur.filters.pyav.file.read import frame_rate
    from vsdeblur.settings import AUTO, checked
    from vsdeblur.training.adapt.run import adapt as run

    place_for(out)
    where = None if device is None else str(choose_device(checked("device", device)))
    console, said = quiet_console(quiet), [("", 0.0)]

    def say(what: str, seconds: float, left: float | None) -> None:
        if what == said[-1][0] and seconds - said[-1][1] < _PAUSE:
            return
        said[:] = [(what, seconds)]
        console.print(what + ("" if left is None else f", {clock(max(left, 0))} left"))

    stopped: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
    try:
        found = run(
            clips,
            out,
            minutes,
            networks=networks,
            shutter=None if shutter in (None, AUTO) else checked("shutter", shutter, frame_rate(clips[0])),
            transfer=checked("transfer", transfer),
            device=where,
            seed=seed,
            resume=resume,
            say=say,
            stop=lambda: bool(stopped),
        )
    finally:
        signal.signal(signal.SIGINT, before)
    click.echo(f"{found.parts} parts to learn from, shutter {found.shutter:.2f}, in {clock(found.seconds)}")
    for one in found.networks:
        gains = ", ".join(f"{gain:+.3f}" for gain in one.gains)
        click.echo(f"{one.network}: {one.steps} steps; agreement of {len(one.gains)} held-out parts: {gains} dB")
        use = f"image IN OUT --deconvolver unrolled:{out}" if one.network == PICTURES else f"{_VIDEO}{out}"
        if one.kept:
            click.echo(f"{one.network}: new weights kept: {use}")
        else:
            click.echo(f"{one.network}: the bundled weights stay: the new ones did not win, and {out} holds those")
