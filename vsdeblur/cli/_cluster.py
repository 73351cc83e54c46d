"""The option of commands that a cluster can do the work of."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from vsdeblur.cli._options import refuse_given

if TYPE_CHECKING:
    from vsdeblur.filters.pyav import Report

CLUSTER_HELP = (
    "Share the work out by Ray (extra vsdeblur[cluster]): auto, local:N processes, or ray://HOST:PORT. What an earlier "
    "call has done is kept."
)


def runner(cluster: str | None, arguments: dict[str, Any]) -> Callable[..., Report]:
    """What restores a file; ``arguments`` lose those that a cluster has no use for. Raises ArgumentError for these."""
    if cluster is None:
        from vsdeblur.filters.pyav import transcode as alone

        return alone
    refuse_given(("resume", "segment"), "with {cluster}, which always goes on with its own segments")
    refuse_given(("map",), "with {cluster}, which makes the output in parts")
    arguments.pop("resume", None)
    from vsdeblur.cluster import transcode as shared

    return undisturbed(partial(shared, cluster=cluster))


def undisturbed[**P, T](run: Callable[P, T]) -> Callable[P, T]:
    """``run`` without what Ray prints on standard output, where results belong, when a machine is lost."""

    @wraps(run)
    def quiet(*positional: P.args, **keywords: P.kwargs) -> T:
        with redirect_stdout(io.StringIO()):
            return run(*positional, **keywords)

    return quiet
