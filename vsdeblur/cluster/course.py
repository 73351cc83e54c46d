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


class Course:
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

    def __call__(self, made: Mapping[str, Made]) -> None:
        """What there is of each segment."""
        import psutil

        job = self._job
        by_node = Counter[str]()
        for one in made.values():
            by_node[self._name(one.node)] += one.frames
        job.report.nodes = dict(by_node)
        if self._nodes is not None:
            self._nodes(job.report.nodes)
        done = by_node.total()
        job.report.frames_out = job.report.resumed + done
        if job.task.progress is not None:
            left = max(self._total - job.report.resumed, done)
            job.task.progress(done, left, job.elapsed, psutil.Process().memory_info().rss)

    def _name(self, node: str) -> str:
        """The machine's name; with a part of Ray's own where several nodes have the same."""
        if node not in self._names:
            hosts = {one["NodeID"]: one["NodeManagerHostname"] for one in self._ray.nodes()}
            host = hosts.get(node, "a machine that is gone")
            shared = sum(name == host for name in hosts.values()) > 1
            self._names[node] = f"{host}-{node[:6]}" if shared else host
        return self._names[node]
