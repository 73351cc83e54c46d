"""Segments as tasks of Ray: submitted longest first, repeated where a worker dies, their outcomes collected."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vsdeblur.cluster.board import Made, noting, open_board
from vsdeblur.errors import BusyError, DeblurError

_RETRIES = 8  # of a task whose worker or machine dies
_BUSY, _PAUSE = 60.0, 1.0  # seconds for which a segment may be held by a job that is about to end; between two looks
_LOOK = 1.0  # seconds between two looks at what is being made
_CLEANING = 60.0  # seconds, for what is done on all machines at the end
_BESIDE = 1 << 30  # bytes of a process besides what the plan counts: libraries, decoder, encoder


@dataclass(frozen=True, slots=True)
class Needs:
    """What a task is given.

    Attributes:
        memory: Bytes of the machine's memory.
        gpu: Of a graphics processor, the part; 0 for none.
    """

    memory: int
    gpu: float = 0.0

    @classmethod
    def of(cls, peak: int, gpus: float, gpu_bytes: int | None) -> Needs:
        """By the memory plan.

        Args:
            peak: Bytes that the plan expects.
            gpus: Graphics processors in the cluster.
            gpu_bytes: Of one of them; None where that is not known, and a task has one for itself.
        """
        if not gpus:
            return cls(peak + _BESIDE)
        part = 1.0 if not gpu_bytes else min(-(-(peak + _BESIDE) * 10 // gpu_bytes) / 10, 1.0)
        return cls(2 * _BESIDE, part)


def make_segment(board: Any, source: str, target: str, settings: Mapping[str, Any], segment: str) -> dict[str, Any]:
    """Make one segment on this machine; what a worker does.

    Args:
        board: Where progress is noted; None for nowhere.
        source: A path or a URL.
        target: A path or a URL; the segment lies beside it.
        settings: Of ``transcode``.
        segment: Its number and how many there are, "1/8".

    Returns:
        "made", or an "error" in a line: exceptions with arguments of their own do not survive the way to the driver.
    """
    from vsdeblur.filters.pyav import transcode

    node = node_id()
    progress = None if board is None else noting(board, segment, node)
    deadline = time.monotonic() + _BUSY
    while True:
        try:
            report = transcode(source, target, segment=segment, progress=progress, **settings)
        except BusyError as error:  # the worker of a driver that was killed has not noticed yet
            if time.monotonic() >= deadline:
                return {"error": str(error)}
            time.sleep(_PAUSE)
        except DeblurError as error:
            return {"error": str(error)}
        else:
            return {"made": Made(node, report.frames_out)}


def node_id() -> str:
    """Ray's name of the machine that a task runs on; empty outside of a task."""
    ray = sys.modules.get("ray")
    return ray.get_runtime_context().get_node_id() if ray is not None and ray.is_initialized() else ""


def run_tasks(
    ray: Any,
    needs: Needs,
    calls: Mapping[str, tuple[Any, ...]],
    seen: Callable[[Mapping[str, Made]], None],
    work: Callable[..., dict[str, Any]] = make_segment,
) -> None:
    """Run ``work`` for every segment, in this order as far as there is room.

    Args:
        ray: The module, connected.
        needs: Of each task.
        calls: By the segment, the arguments that come after the board.
        seen: Called every second with what there is of each segment, finished or not.
        work: What a task does.

    Raises:
        DeblurError: A task failed, or died over and over; or no machine has what one needs.
    """
    _refuse_too_large(ray, needs)
    board = open_board(ray)
    remote = ray.remote(num_cpus=1, num_gpus=needs.gpu, memory=needs.memory, max_retries=_RETRIES)(work)
    waiting = {remote.remote(board, *arguments): segment for segment, arguments in calls.items()}
    finished: dict[str, Made] = {}
    try:
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1, timeout=_LOOK)
            for one in done:
                segment = waiting.pop(one)
                try:
                    outcome = ray.get(one)
                except ray.exceptions.RayError as error:
                    what = str(error).strip().splitlines()[-1]
                    raise DeblurError(f"a segment failed on the cluster: {what}", "give the command again") from None
                if "error" in outcome:
                    raise DeblurError(outcome["error"])
                finished[segment] = outcome["made"]
            seen({**_on_board(ray, board), **finished})
    finally:
        for one in waiting:
            ray.cancel(one, force=True)


def on_all_nodes(ray: Any, work: Callable[..., None], *arguments: Any) -> None:
    """Run something small once on every machine; one that dies meanwhile is left out."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    remote = ray.remote(num_cpus=0)(work)
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    chosen = [NodeAffinitySchedulingStrategy(node_id=node, soft=False) for node in nodes]
    running = [remote.options(scheduling_strategy=one).remote(*arguments) for one in chosen]
    ray.wait(running, num_returns=len(running), timeout=_CLEANING)


def _on_board(ray: Any, board: Any) -> dict[str, Made]:
    try:
        found: dict[str, Made] = ray.get(board.read.remote(), timeout=_LOOK)
    except ray.exceptions.RayError:  # it is being started, here or on another machine
        return {}
    return found


def _refuse_too_large(ray: Any, needs: Needs) -> None:
    most = max((node["Resources"].get("memory", 0) for node in ray.nodes() if node["Alive"]), default=0)
    if needs.memory > most:
        raise DeblurError(
            f"a segment takes {needs.memory / 2**30:.1f} GiB, and no machine of the cluster has more than "
            f"{most / 2**30:.1f} GiB to give",
            "give a smaller {max_memory}",
        )
