"""``vsdeblur bench``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vsdeblur.cli._options import refuse_given, setting_option
from vsdeblur.cli._shared import place_for, quiet_console
from vsdeblur.errors import ArgumentError
from vsdeblur.settings import MAX_FACTOR, PRESETS, checked

if TYPE_CHECKING:
    from vsdeblur.bench.protocol import Clip

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Blur sharp clips, restore and score them.")
@click.argument("clips", nargs=-1, type=_FILE, metavar="[CLIP]...")
@click.option("--factor", type=click.IntRange(1, MAX_FACTOR), default=8, show_default=True, help="Frames per period.")
@click.option(
    "--shutter", default="1.0", show_default=True, metavar="S", help="Open part of the period, a multiple of 1/factor."
)
@click.option(
    "--preset",
    "presets",
    type=click.Choice(PRESETS),
    multiple=True,
    default=PRESETS,
    help="May be given several times; all of them by default.",
)
@click.option("--width", type=click.IntRange(32), help="Scale the clips to this width by area averaging.")
@click.option("--start", type=click.IntRange(0), default=0, show_default=True, help="First frame of each clip.")
@click.option("--periods", type=click.IntRange(3), default=5, show_default=True, help="Blurry frames of each clip.")
@click.option("--starts", is_flag=True, help="Three starts per clip where it is long enough.")
@click.option("--list", "list_file", type=_FILE, help="TOML or JSON list of clips with their widths and starts.")
@click.option(
    "--clips-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that the list's paths are relative to.",
)
@click.option("--peers/--no-peers", default=True, help="Rows of other people's networks, where they are installed.")
@click.option(
    "--peer",
    "peer",
    multiple=True,
    metavar="NAME=FILE",
    help="A row of your own: FILE.py:FUNCTION, a function of (blurry, factor, shutter), or MODEL.onnx or MODEL.pt with "
    "a declaration beside it. May be given several times.",
)
@setting_option("device")
@click.option("--json", "json_file", type=_FILE, help="Write the results here.")
@click.option("--html", "html_file", type=_FILE, help="Write a page with pictures here.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def bench(
    *,
    clips: tuple[Path, ...],
    factor: int,
    shutter: str,
    presets: tuple[str, ...],
    width: int | None,
    start: int,
    periods: int,
    starts: bool,
    list_file: Path | None,
    clips_dir: Path | None,
    peers: bool,
    peer: tuple[str, ...],
    device: str | None,
    json_file: Path | None,
    html_file: Path | None,
    quiet: bool,
) -> None:
    """Blur sharp high-rate clips by averaging, restore them, and score what comes back.

    Every FACTOR consecutive frames make one period, of which the first SHUTTER part is averaged. Without clips a
    generated scene is used. The numbers compare with each other only, not with published scores.

    A peer's function gets blurry frames (N, H, W, 3), float32 in [0, 1], RGB, and gives back N x FACTOR of them. What
    the declaration of a peer's model says: docs/extend/peer.md.
    """
    import json

    from vsdeblur.bench import report, run
    from vsdeblur.bench.own_peer import own_peer
    from vsdeblur.bench.protocol import Clip, open_subframes
    from vsdeblur.bench.rows import methods
    from vsdeblur.device import choose_device

    if shutter == "auto":
        raise ArgumentError("shutter", shutter, f"a multiple of 1/{factor}")
    if not clips:
        refuse_given(("width", "start", "periods"), "without a CLIP (the list and the generated scene have their own)")
    if list_file is None:
        refuse_given(("clips_dir",), "without {list_file}")
        if not clips:
            refuse_given(("starts",), "without a CLIP or {list_file}")
    m = open_subframes(factor, checked("shutter", shutter))
    choose_device(checked("device", device))  # before the first row, not when its turn comes
    own = dict(own_peer(one, device) for one in peer)
    place_for(json_file)
    place_for(html_file)
    entries: list[Clip] = [Clip(path, width, start, periods) for path in clips]
    if list_file is not None:
        entries += run.read_list(list_file, clips_dir)
    if starts:
        entries = run.expand_starts(entries, factor)

    console = quiet_console(quiet)
    source = run.from_files(entries, factor) if entries else run.synthetic(factor)
    rows = methods(presets, device, peers) | own
    results = run.run(source, rows, factor, m, lambda clip, method: console.print(f"{clip}: {method}"))

    if json_file is not None:
        json_file.write_text(json.dumps(results.as_dict(), indent=1) + "\n", encoding="utf-8")
    if html_file is not None:
        html_file.write_text(report.html(results), encoding="utf-8")
    _print(report.clip_table(results), report.table(results))


def _print(*tables: object) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=240)  # a file or a pipe has no edge
    for table in tables:
        console.print(table)
