"""How far a job is that a cluster does, in all and on each of its machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from vsdeblur.cluster.board import Made
from vsdeblur.filters.pyav.job import Job
from vsdeblur.filters.pyav.segments.split import source_frames

# nodes(outputs by machine, those of segments that are being made too)
Nodes = Callable[[Mapping[str, int]], None]


class JobProgress:
    """Writes into a job's report, and reports progress, as segments are made."""

    def __init__(self, job: Job, ray: Any, nodes: Nodes | None) -> None:
        """Of a job whose report knows what was resumed.

        Args:
            job: The job.
            ray: The module, connected.
            nodes: Called before the job's callback of progress.
        """
        self._job, self._ray, self._nodes = job, ray, nodes
        self._total = int(source_frames(job) * job.ratio)
        self._names: dict[str, str] = {}
        self._alive: set[str] = set()

    def __call__(self, made: Mapping[str, Made]) -> None:
        """What there is of each segment."""
        import psutil

        job = self._job
        self._note_lost()
        by_node = Counter[str]()
        for one in made.values():
            by_node[self._names.get(one.node, one.node)] += one.frames
        job.report.nodes = dict(by_node)
        if self._nodes is not None:
            self._nodes(job.report.nodes)
        done = by_node.total()
        job.report.frames_out = job.report.resumed + done
        if job.task.progress is not None:
            left = max(self._total - job.report.resumed, done)
            job.task.progress(done, left, job.elapsed, psutil.Process().memory_info().rss)

    def _note_lost(self) -> None:
        """Warn once of each machine that is no longer there."""
        nodes = self._ray.nodes()
        hosts = {one["NodeID"]: one["NodeManagerHostname"] for one in nodes}
        for node, host in hosts.items():
            shared = list(hosts.values()).count(host) > 1  # then with a part of Ray's own name
            self._names.setdefault(node, f"{host}-{node[:6]}" if shared else host)
        alive = {one["NodeID"] for one in nodes if one["Alive"]}
        for node in sorted(self._alive - alive):
            self._job.report.warn(f"{self._names[node]} is gone: what it was making is made again")
        self._alive = alive
