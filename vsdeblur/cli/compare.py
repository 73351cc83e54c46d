"""``vsdeblur compare``."""

from __future__ import annotations

from pathlib import Path

import click

from vsdeblur.pages.quantities import size


@click.command(short_help="Before and after as one page, under a slider.")
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, metavar="PAGE", type=click.Path(path_type=Path), help="The page, .html.")
@click.option("--start", type=click.FloatRange(0), default=0.0, help="Seconds to begin at.  [default: 0]")
@click.option(
    "--duration",
    type=click.FloatRange(0, 600, min_open=True),
    default=10.0,
    show_default=True,
    help="Seconds of AFTER at most.",
)
@click.option(
    "--width", type=click.IntRange(64, 3840), default=1280, show_default=True, help="Pixels of a picture at most."
)
@click.option(
    "--offset",
    type=click.FloatRange(0),
    help="Where in BEFORE AFTER begins, seconds: of a part, what --start of transcode was.  [default: both are whole]",
)
@click.option(
    "--slow",
    type=click.FloatRange(0.05, 100),
    help="How many times as long AFTER takes.  [default: by the lengths; 1 with --offset]",
)
@click.option(
    "--map",
    "map_path",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="How each place of AFTER was restored, from --map of transcode.  [default: none]",
)
@click.option("--overwrite", is_flag=True, help="Replace PAGE if it exists.")
def compare(
    before: Path,
    after: Path,
    out: Path,
    start: float,
    duration: float,
    width: int,
    offset: float | None,
    slow: float | None,
    map_path: Path | None,
    overwrite: bool,
) -> None:
    """Write a page that shows two videos, or two pictures, under one divider: to look at, and to send to others.

    The page is one file and loads nothing else. It plays both at full or slow speed, steps frame by frame and zooms.
    Videos are coded again for it (H.264, at most --width wide), pictures as JPEG.

    \b
    vsdeblur compare in.mp4 out.mp4 -o compare.html
    vsdeblur compare in.mp4 try.mp4 -o compare.html --offset 90
    vsdeblur compare shaken.jpg sharp.jpg -o compare.html
    """
    from vsdeblur.files import check_target
    from vsdeblur.pages.compare import compare as write

    for source in filter(None, (before, after, map_path)):
        check_target(out, str(source), overwrite, "out", trial=False)
    write(before, after, out, start=start, duration=duration, width=width, offset=offset, slow=slow, map_path=map_path)
    click.echo(f"{out} ({size(out.stat().st_size)})")
