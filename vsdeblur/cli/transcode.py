"""``vsdeblur transcode``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vsdeblur.cli._adapted import ADAPT_HELP, adapted, check_adapt
from vsdeblur.cli._cluster import CLUSTER_HELP, runner
from vsdeblur.cli._endings import heeding
from vsdeblur.cli._options import settings_options
from vsdeblur.cli._progress import Bar, JsonLines
from vsdeblur.cli._report import tell
from vsdeblur.cli._shared import place_for, quiet_console, saying
from vsdeblur.pages.quantities import clock
from vsdeblur.settings import FIT
from vsdeblur.settings.files import Coding
from vsdeblur.settings.table import TRANSCODE

if TYPE_CHECKING:
    from rich.console import Console

    from vsdeblur.filters.pyav.inspect.probe import Forecast


@click.command(short_help="Deblur a video and raise its frame rate.")
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@settings_options(TRANSCODE)
@click.option("--adapt", metavar="TIME", help=ADAPT_HELP)
@click.option("--cluster", metavar="WHERE", help=CLUSTER_HELP)
@click.option("--quiet", is_flag=True, help="No estimate and no progress on stderr.")
@click.option(
    "--progress",
    "shown",
    type=click.Choice(["bar", "json"]),
    default="bar",
    help="A bar for people, or for programs lines of JSON on stderr: done, total, seconds, memory.  [default: bar]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON (on stderr where OUT is -).")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the report to this file.")
def transcode(
    source: str,
    target: str,
    adapt: str | None,
    cluster: str | None,
    quiet: bool,
    shown: str,
    as_json: bool,
    report: Path | None,
    **given: Any,
) -> int:
    """Deblur the video of IN and raise its frame rate; sound and everything else is copied to OUT.

    A "-" is y4m on stdin or stdout, so that vspipe or ffmpeg can stand on either side. IN and OUT may be URLs of an
    object store, such as s3://bucket/in.mp4 (extra vsdeblur[stores]). OUT is written under another name beside it and
    renamed at the end. Exit code 3 means that some frames could not be decoded and were passed over.

    \b
    vsdeblur transcode in.mp4 out.mp4 --factor 4 --shutter 180deg
    vsdeblur transcode in.mp4 preview.mp4 --fps 120 --start 10 --duration 2
    vsdeblur transcode in.mp4 slow.mp4 --slow 4
    vsdeblur transcode in.mp4 out.mp4 --factor 4 --adapt 5min
    """
    arguments = {name: value for name, value in given.items() if value is not None}
    place_for(report)
    minutes = None if adapt is None else check_adapt(adapt, source, target, arguments, cluster)
    console = quiet_console(quiet)
    shared = cluster is not None or given["segment"] is not None
    ahead: Forecast | None = None
    with saying(console, f"reading {'standard input' if source == '-' else source}") as stage:
        run = runner(cluster, arguments)
        if not quiet and source != "-" and not shared:
            ahead = _forecast(console, source, target, arguments, stage)
    kept = ""
    if minutes is not None:
        solver, kept = adapted(source, target, minutes, arguments, console)
        arguments |= {"solver": solver} if solver else {}
    try:
        pace = (ahead.seconds_per_frame, ahead.burst) if ahead else (None, 0.0)
        with JsonLines(console) if shown == "json" else Bar(console, *pace) as bar:
            each = {"nodes": bar.nodes} if cluster else {}
            done = run(source, target, **arguments, **each, progress=heeding(None if quiet else bar))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the same command goes on from here" if given["resume"] or cluster else "") from None
    done.adapted = kept
    return tell(done, console, as_json, report)


def _forecast(
    console: Console, source: str, target: str, arguments: dict[str, Any], stage: Callable[[str], None]
) -> Forecast:
    """Print how long it will take, measured on a little of it; wrong arguments are found on the way."""
    from vsdeblur.filters.pyav.file.target import check
    from vsdeblur.filters.pyav.inspect.probe import forecast
    from vsdeblur.stores.local import fetched, writable
    from vsdeblur.stores.stored import is_stored

    if is_stored(target):
        writable(target, arguments["overwrite"])
    elif target != "-":
        check(Path(target), source, arguments["overwrite"])
    encoding = Coding.__annotations__.keys() - {"slow"}
    chosen = {name: value for name, value in arguments.items() if name not in encoding}
    ahead = forecast(fetched(source, target), stage, **chosen)
    found = ahead.calibration
    if chosen.get("transfer") == FIT:
        console.print(f"transfer {found.transfer}")
    if found.shutter.source != "given":
        console.print(f"shutter {found.shutter.shutter:g} of the frame period, {found.shutter.source}")
    if found.readout.source != "given":
        console.print(f"readout {found.readout}")
    if ahead.frames is not None:
        total = clock(ahead.frames * ahead.seconds_per_frame)
        console.print(f"about {total} for {ahead.frames} frames, {ahead.seconds_per_frame:.3g} s each")
    return ahead
