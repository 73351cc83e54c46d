"""``vsdeblur join``."""

from __future__ import annotations

from pathlib import Path

import click

from vsdeblur.cli._report import tell
from vsdeblur.cli._shared import place_for, quiet_console


@click.command(short_help="Join the segments that several machines made of a video.")
@click.argument("target", metavar="OUT")
@click.option("--source", "src", metavar="IN", help="The source, where it lies elsewhere than the segments say.")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@click.option("--quiet", is_flag=True, help="Nothing on stderr.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the report to this file.")
def join(target: str, src: str | None, overwrite: bool, quiet: bool, as_json: bool, report: Path | None) -> int:
    """Join what "vsdeblur transcode IN OUT --segment I/N" made for every I, without encoding anything.

    All segments must be there, whole, and made of one source with the same options. Sound, subtitles and metadata come
    from the source, as in a single run.

    \b
    vsdeblur transcode in.mp4 out.mp4 --factor 4 --segment 1/2     # on one machine
    vsdeblur transcode in.mp4 out.mp4 --factor 4 --segment 2/2     # on another
    vsdeblur join out.mp4
    """
    place_for(report)
    from vsdeblur.filters.pyav import join as run

    return tell(run(target, src=src, overwrite=overwrite), quiet_console(quiet), as_json, report)
