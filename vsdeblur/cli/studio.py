"""``vsdeblur studio``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="A page in the browser to try settings and run jobs.")
@click.argument("places", metavar="[FILE|FOLDER]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="On this machine.  [default: any that is free]")
@click.option("--browser/--no-browser", default=True, help="Open the page at once.")
def studio(places: tuple[Path, ...], port: int, browser: bool) -> None:
    """Open a page in the browser: look at a clip, choose settings, preview two seconds, restore it.

    Clips in FOLDER, or beside FILE, can be opened by path, your home folder's if none is given; any other is dropped
    on the page. The page is served to this machine alone, at an address with a secret in it; it ends with Ctrl-C.

    \b
    vsdeblur studio
    vsdeblur studio holiday.mp4
    vsdeblur studio /media/card --no-browser
    """
    from vsdeblur.studio.serve import serve

    def ready(address: str) -> None:
        click.echo(address)
        if browser:
            import webbrowser

            webbrowser.open(address)

    serve(places or (Path.home(),), port=port, ready=ready)
