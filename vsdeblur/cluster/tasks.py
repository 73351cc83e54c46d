"""Segments as tasks of Ray: submitted longest first, repeated where a worker dies, their outcomes collected."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vsdeblur.errors import BusyError, DeblurError

_RETRIES = 8  # of a task whose worker or machine dies
_BUSY, _PAUSE = 60.0, 1.0  # seconds for which a segment may be held by a job that is about to end; between two looks
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


def make_segment(source: str, target: str, settings: Mapping[str, Any], segment: str) -> dict[str, Any]:
    """Make one segment on this machine; what a worker does.

    Returns:
        "frames" of outputs and the "node" that made them, or an "error" in a line: exceptions with arguments of their
        own do not survive the way to the driver.
    """
    from vsdeblur.filters.pyav import transcode

    deadline = time.monotonic() + _BUSY
    while True:
        try:
            report = transcode(source, target, segment=segment, **settings)
        except BusyError as error:  # the worker of a driver that was killed has not noticed yet
            if time.monotonic() >= deadline:
                return {"error": str(error)}
            time.sleep(_PAUSE)
        except DeblurError as error:
            return {"error": str(error)}
        else:
            return {"frames": report.frames_out, "node": platform.node()}


def run_tasks(
    ray: Any,
    needs: Needs,
    calls: Sequence[tuple[Any, ...]],
    finished: Callable[[int, str], None],
    work: Callable[..., dict[str, Any]] = make_segment,
) -> None:
    """Run ``work`` with every tuple of arguments, in this order as far as there is room.

    Args:
        ray: The module, connected.
        needs: Of each task.
        calls: Arguments.
        finished: Called with the output frames of each task that is done, and the name of its node.
        work: What a task does.

    Raises:
        DeblurError: A task failed, or died over and over; or no machine has what one needs.
    """
    _refuse_too_large(ray, needs)
    remote = ray.remote(num_cpus=1, num_gpus=needs.gpu, memory=needs.memory, max_retries=_RETRIES)(work)
    waiting = [remote.remote(*arguments) for arguments in calls]
    try:
        while waiting:
            done, waiting = ray.wait(waiting, num_returns=1)
            for one in done:
                try:
                    outcome = ray.get(one)
                except ray.exceptions.RayError as error:
                    what = str(error).strip().splitlines()[-1]
                    raise DeblurError(f"a segment failed on the cluster: {what}", "give the command again") from None
                if "error" in outcome:
                    raise DeblurError(outcome["error"])
                finished(outcome["frames"], outcome.get("node", ""))
    finally:
        for one in waiting:
            ray.cancel(one, force=True)


def _refuse_too_large(ray: Any, needs: Needs) -> None:
    most = max((node["Resources"].get("memory", 0) for node in ray.nodes() if node["Alive"]), default=0)
    if needs.memory > most:
        raise DeblurError(
            f"a segment takes {needs.memory / 2**30:.1f} GiB, and no machine of the cluster has more than "
            f"{most / 2**30:.1f} GiB to give",
            "give a smaller {max_memory}",
        )
