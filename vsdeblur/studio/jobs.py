"""Jobs: commands of vsdeblur in processes of their own, one after the other, with what they say of themselves."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
_PARTIAL = 3  # exit code: done, but some of the source could not be decoded
_PATIENCE = 15.0  # seconds that a process has to end by itself
_REMARKS = 20
_PREFIX = "vsdeblur: "
_LONGEST = 1 << 26  # bytes of a line that a process may print: reports and courses are one text


@dataclass(slots=True)
class Job:
    """One after the other.

    Attributes:
        kind: "inspect", "estimate", "preview", "compare" or "transcode".
        file: Key of the opened file.
        commands: In order, without the program's name.
        title: For people.
        about: What else the page is to know of it.
        page: That it writes, None for none.
        output: That it writes, None for none.
        state: Of the constants above.
        progress: done, total, seconds and memory, of the command that runs.
        message: Why it failed; what it remarked.
        result: What its last command printed.
    """

    kind: str
    file: str
    commands: Sequence[Sequence[str]]
    title: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    page: Path | None = None
    output: Path | None = None
    key: str = field(default_factory=lambda: secrets.token_hex(4))
    state: str = WAITING
    progress: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    remarks: list[str] = field(default_factory=list)
    result: Any = None
    changed: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """For the page, without the result."""
        return {
            "key": self.key,
            "kind": self.kind,
            "file": self.file,
            "title": self.title,
            "about": dict(self.about),
            "state": self.state,
            "progress": self.progress,
            "message": self.message,
            "remarks": self.remarks,
            "output": self.output and str(self.output),
        }


class Jobs:
    """Those of a server. Two lanes: whole files in one, whatever is quick in the other."""

    def __init__(self, program: Sequence[str] = (sys.executable, "-m", "vsdeblur")) -> None:
        """program: what commands are given to."""
        self._program = program
        self._jobs: dict[str, Job] = {}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._lanes: dict[bool, deque[Job]] = {False: deque(), True: deque()}
        self._workers: dict[bool, asyncio.Task[None]] = {}

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    def __getitem__(self, key: str) -> Job:
        """By its key. Raises KeyError."""
        return self._jobs[key]

    def add(self, job: Job) -> Job:
        """Queue a job. Earlier estimates, and previews of the same file that have not ended, give way."""
        if job.kind in ("estimate", "preview"):
            for other in self._jobs.values():
                if (other.kind, other.file) == (job.kind, job.file) and other.state in (WAITING, RUNNING):
                    self.cancel(other)
        self._jobs[job.key] = job
        self._queue(job)
        return job

    def resume(self, job: Job) -> None:
        """Queue a job again that was cancelled or failed."""
        if job.state in (CANCELLED, FAILED):
            job.message, job.progress, job.remarks = "", {}, []
            self._queue(job)

    def cancel(self, job: Job) -> None:
        """End a job; its process removes what it has not finished."""
        if job.state == WAITING:
            self._lanes[_is_long(job)].remove(job)
            _note(job, CANCELLED)
        elif job.state == RUNNING:
            job.message = "cancelled"
            _note(job, CANCELLED)
            if (process := self._processes.get(job.key)) is not None:
                _terminate(process)

    async def close(self) -> None:
        """End all."""
        for job in self:
            self.cancel(job)
        await asyncio.gather(*self._workers.values(), return_exceptions=True)

    def _queue(self, job: Job) -> None:
        long = _is_long(job)
        _note(job, WAITING)
        self._lanes[long].append(job)
        if long not in self._workers or self._workers[long].done():
            self._workers[long] = asyncio.create_task(self._work(self._lanes[long]))

    async def _work(self, lane: deque[Job]) -> None:
        while lane:
            job = lane.popleft()
            _note(job, RUNNING)
            try:
                await self._run(job)
            except Exception as error:  # the next job still has its turn
                job.message = f"{type(error).__name__}: {error}"
                _note(job, FAILED)

    async def _run(self, job: Job) -> None:
        for command in job.commands:
            job.progress = {}
            code, printed = await self._one(job, command)
            if job.state == CANCELLED:
                return
            if code not in (0, _PARTIAL):
                job.message = job.remarks.pop() if job.remarks else f"it ended with code {code}"
                _note(job, FAILED)
                return
            with suppress(ValueError):
                job.result = json.loads(printed)
        _note(job, DONE)

    async def _one(self, job: Job, command: Sequence[str]) -> tuple[int, str]:
        """Run one command; returns its exit code and what it printed."""
        machine = ("--progress", "json", "--json") if command[0] == "transcode" else ()
        process = await asyncio.create_subprocess_exec(
            *self._program,
            *command,
            *machine,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONUTF8": "1", "NO_COLOR": "1", "COLUMNS": "1000"},
            limit=_LONGEST,
            start_new_session=True,  # Ctrl-C in the terminal is for the server, which ends it
        )
        assert process.stdout is not None
        assert process.stderr is not None
        self._processes[job.key] = process
        if job.state == CANCELLED:  # in the meantime
            _terminate(process)
        try:
            printed, _ = await asyncio.gather(process.stdout.read(), _listen(process.stderr, job))
            return await process.wait(), printed.decode("utf-8", "replace")
        finally:
            self._processes.pop(job.key, None)


def _is_long(job: Job) -> bool:
    return job.kind == "transcode"


def _note(job: Job, state: str) -> None:
    job.state, job.changed = state, time.monotonic()


def _terminate(process: asyncio.subprocess.Process) -> None:
    async def insist() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _PATIENCE)
            return
        with suppress(ProcessLookupError):
            process.kill()

    with suppress(ProcessLookupError):
        process.terminate()
    _ending.add(task := asyncio.create_task(insist()))
    task.add_done_callback(_ending.discard)


_ending: set[asyncio.Task[None]] = set()  # tasks live as long as something refers to them


async def _listen(stream: asyncio.StreamReader, job: Job) -> None:
    """Read what a process says on stderr: lines of JSON are its progress, others remarks."""
    async for raw in stream:
        text = raw.decode("utf-8", "replace").strip()
        if text.startswith("{"):
            with suppress(ValueError):
                job.progress = json.loads(text)
        elif text:
            job.remarks = [*job.remarks, text.removeprefix(_PREFIX)][-_REMARKS:]
            job.changed = time.monotonic()
