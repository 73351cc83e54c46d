"""``vsdeblur batch``."""

from __future__ import annotations

import json
from typing import Any

import click

from vsdeblur.cli._cluster import CLUSTER_HELP, undisturbed
from vsdeblur.cli._endings import heeding
from vsdeblur.cli._options import settings_options
from vsdeblur.cli._progress import Bar
from vsdeblur.cli._shared import quiet_console, saying
from vsdeblur.pages.quantities import clock
from vsdeblur.settings.table import BATCH

FAILURE, PARTIAL = 1, 3


@click.command(short_help="Deblur all videos in a folder.")
@click.argument("source", metavar="DIR")
@click.argument("target", metavar="OUT")
@settings_options(BATCH)
@click.option("--cluster", metavar="WHERE", help=CLUSTER_HELP)
@click.option("--quiet", is_flag=True, help="No progress on stderr; what fails is still said.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def batch(source: str, target: str, cluster: str | None, quiet: bool, as_json: bool, **given: Any) -> int:
    """Deblur all videos in DIR and in the folders within it; each keeps its name in the folder OUT.

    What fails is noted, and the rest goes on. OUT/vsdeblur-batch.json and OUT/vsdeblur-batch.html say what became of
    every file. With --resume the same command goes on where it was interrupted, and tries again what failed. Exit code
    3 means that some files failed or could not be decoded in part, 1 that all failed.

    \b
    vsdeblur batch clips sharp --factor 2 --resume
    """
    console = quiet_console(quiet)
    with saying(console, f"reading {source}"):
        from vsdeblur.batch import Outcome
        from vsdeblur.batch import batch as run_all

    run = run_all if cluster is None else undisturbed(run_all)

    def tell(number: int, count: int, outcome: Outcome) -> None:
        if outcome.reason:
            click.echo(f"vsdeblur: {outcome.source}: {outcome.status}: {outcome.reason}", err=True)
        done = f"{outcome.report.get('frames_out', 0)} frames in {clock(outcome.seconds)}"
        console.print(f"{number}/{count} {outcome.source}: {done if outcome.output else outcome.status}", markup=False)

    arguments: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    with Bar(console) as bar:
        arguments |= {"cluster": cluster, "tell": tell, "nodes": bar.nodes}
        summary = run(source, target, **arguments, progress=heeding(None if quiet else bar))
    if as_json:
        click.echo(json.dumps(summary.as_dict(), indent=1))
    console.print(f"{summary.done} results, {summary.failed} failed: {target}")
    if summary.whole:
        return 0
    return PARTIAL if summary.done else FAILURE
