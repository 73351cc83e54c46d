"""The routes of the page: what is opened, what is asked for, how it goes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from vsdeblur.errors import DeblurError
from vsdeblur.pages.inspected import table, video_lines
from vsdeblur.pages.look import asset
from vsdeblur.pages.plots import course_plots
from vsdeblur.settings import parse
from vsdeblur.settings.table import TRANSCODE
from vsdeblur.studio import commands
from vsdeblur.studio.form import settings_of, words
from vsdeblur.studio.guard import Guard
from vsdeblur.studio.jobs import DONE, Job, Jobs
from vsdeblur.studio.opened import Opened, OpenedFiles
from vsdeblur.studio.page import SCRIPT, studio_page
from vsdeblur.studio.places import OutsideError, Places

_LARGEST = 1 << 16  # bytes of what the page asks for
_WORDS = {name: words(name) for name in TRANSCODE.names} | {"src": "the file", "dst": "the result"}


class Studio:
    """The state of a server: opened files and jobs, the same for all its tabs."""

    def __init__(self, places: Places, scratch: Path, jobs: Jobs | None = None) -> None:
        """scratch: an empty folder that is removed at the end. jobs: another queue, for tests."""
        self._files = OpenedFiles(places, scratch)
        self._scratch = scratch
        self._jobs = jobs or Jobs()

    def open(self, path: str) -> None:
        """Open a file beforehand. Raises DeblurError."""
        self._files.open(path)

    def app(self, token: str, port: int) -> Guard:
        """What uvicorn runs."""

        @asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            try:
                yield
            finally:
                await self._jobs.close()

        routes = [
            Route("/", self._page),
            Route("/state", self._state),
            Route("/places", _answered(self._places)),
            Route("/open", _answered(self._open), methods=["POST"]),
            Route("/upload", _answered(self._upload), methods=["PUT"]),
            Route("/words", _answered(self._in_words), methods=["POST"]),
            Route("/jobs", _answered(self._start), methods=["POST"]),
            Route("/jobs/{key}", _answered(self._job)),
            Route("/jobs/{key}/cancel", _answered(self._cancel), methods=["POST"]),
            Route("/jobs/{key}/resume", _answered(self._resume), methods=["POST"]),
            Route("/jobs/{key}/page", _answered(self._job_page)),
            Route("/jobs/{key}/output", _answered(self._job_output)),
        ]
        return Guard(Starlette(routes=routes, lifespan=lifespan), token, port, (SCRIPT, asset("slider.js")))

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(studio_page([str(folder) for folder in self._files.places.folders]))

    async def _state(self, _: Request) -> Response:
        files = [_file(one) for one in self._files]
        return JSONResponse({"files": files, "jobs": [job.as_dict() for job in self._jobs]})

    async def _places(self, request: Request) -> Response:
        path = request.query_params.get("path", "")
        return JSONResponse(await run_in_threadpool(self._files.places.listing, path))

    async def _open(self, request: Request) -> Response:
        asked = await _asked(request)
        return JSONResponse(self._inspected(self._files.open(str(asked.get("path", "")))))

    async def _upload(self, request: Request) -> Response:
        length = request.headers.get("content-length", "")
        name = request.query_params.get("name", "")
        known = int(length) if length.isdecimal() else None
        return JSONResponse(self._inspected(await self._files.receive(name, known, request.stream())))

    def _inspected(self, opened: Opened) -> dict[str, Any]:
        """The file; what is in it is looked at once."""
        if not any(job.kind == "inspect" and job.file == opened.key for job in self._jobs):
            command = commands.inspect(opened.path, {"factor": "4"}, whole=True)
            self._jobs.add(Job("inspect", opened.key, [command], f"Looking at {opened.name}"))
        return _file(opened)

    async def _in_words(self, request: Request) -> Response:
        """What was chosen as command line and script, and a name for the result."""
        asked = await _asked(request)
        opened, settings = self._chosen(asked)
        suggested = commands.suggested(self._files.places, opened.home, opened.name, settings)
        target = Path(str(asked.get("target") or suggested))
        return JSONResponse(
            {
                "target": str(suggested),
                "command": commands.line(commands.transcode(opened.path, target, settings)),
                "script": commands.script(opened.path, settings, self._shutter(opened)),
            }
        )

    async def _start(self, request: Request) -> Response:
        asked = await _asked(request)
        opened, settings = self._chosen(asked)
        kind = asked.get("kind")
        if kind == "estimate":
            command = commands.inspect(opened.path, settings, whole=False)
            return self._added(Job("estimate", opened.key, [command], "Time and memory"))
        if kind == "preview":
            return self._added(self._preview(opened, settings, _seconds(asked.get("start"))))
        if kind != "transcode":
            raise DeblurError("there is no such kind of job")
        target = self._files.places.target(str(asked.get("target", "")))
        if any(job.output == target and job.state in ("waiting", "running") for job in self._jobs):
            raise DeblurError(f"another job writes {target}: choose another name")
        command = commands.transcode(opened.path, target, settings, _adapt(asked.get("adapt"), settings))
        return self._added(Job("transcode", opened.key, [command], target.name, {"settings": settings}, output=target))

    def _preview(self, opened: Opened, settings: dict[str, Any], start: float) -> Job:
        job = Job("preview", opened.key, (), f"Preview from {start:g} s", {"start": start})
        folder = self._scratch / job.key
        folder.mkdir()
        job.page, clip = folder / "page.html", folder / f"{opened.path.stem}-preview.mp4"
        job.commands = commands.preview(opened.path, clip, job.page, start, settings, self._shutter(opened))
        return job

    def _added(self, job: Job) -> Response:
        return JSONResponse(self._jobs.add(job).as_dict())

    def _chosen(self, asked: dict[str, Any]) -> tuple[Opened, dict[str, Any]]:
        given = asked.get("settings")
        return self._files[asked.get("file")], settings_of(given if isinstance(given, dict) else {})

    def _shutter(self, opened: Opened) -> float | None:
        """What the whole file was found to have; None where that is not known, or differs from place to place."""
        for job in self._jobs:
            if job.kind == "inspect" and job.file == opened.key and job.state == DONE:
                found = job.result
                return None if "each chunk" in found["shutter_from"] else float(found["shutter"])
        return None

    def _by_key(self, request: Request) -> Job:
        try:
            return self._jobs[request.path_params["key"]]
        except KeyError:
            raise DeblurError("there is no such job") from None

    async def _job(self, request: Request) -> Response:
        """One with its result; that of a file also as plots and as a table."""
        job = self._by_key(request)
        shown = job.as_dict() | {"result": job.result}
        if job.kind == "inspect" and job.state == DONE:
            course = job.result.get("course")
            shown["plots"] = course_plots(course) if course else ""
            shown["table"] = table(video_lines(job.result))
        return JSONResponse(shown)

    async def _cancel(self, request: Request) -> Response:
        job = self._by_key(request)
        self._jobs.cancel(job)
        return JSONResponse(job.as_dict())

    async def _resume(self, request: Request) -> Response:
        job = self._by_key(request)
        self._jobs.resume(job)
        return JSONResponse(job.as_dict())

    async def _job_page(self, request: Request) -> Response:
        """Before and after."""
        job = self._by_key(request)
        if job.page is None and job.kind == "transcode" and job.state == DONE and job.output is not None:
            return await self._compared(job)
        if job.page is None or job.state != DONE:
            raise DeblurError("there is nothing to be seen yet")
        return FileResponse(job.page, media_type="text/html")

    async def _compared(self, job: Job) -> Response:
        """The first seconds of a result, which are made into a page when they are first asked for."""
        assert job.output is not None
        opened = self._files[job.file]
        page = self._scratch / f"{job.key}.html"
        settings = dict(job.about.get("settings", {}))
        command = commands.compare(opened.path, job.output, page, settings)
        made = self._jobs.add(Job("compare", job.file, [command], f"Before and after: {job.output.name}", page=page))
        return JSONResponse(made.as_dict())

    async def _job_output(self, request: Request) -> Response:
        job = self._by_key(request)
        if job.output is None or job.state != DONE or not job.output.is_file():
            raise DeblurError("there is no result yet")
        return FileResponse(job.output, filename=job.output.name, media_type="application/octet-stream")


def _answered(route: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """The route, whose errors are one line for the page."""

    async def answered(request: Request) -> Response:
        try:
            return await route(request)
        except OutsideError as error:
            return JSONResponse({"error": str(error)}, 403)
        except DeblurError as error:
            return JSONResponse({"error": error.on_command_line(_WORDS)}, 400)
        except ClientDisconnect:
            return JSONResponse({"error": "the upload was broken off"}, 400)

    return answered


async def _asked(request: Request) -> dict[str, Any]:
    """The JSON of a request. Raises DeblurError."""
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > _LARGEST:
            raise DeblurError("the request is too long")
    try:
        asked = json.loads(data)
    except (ValueError, RecursionError):
        raise DeblurError("the request is no JSON") from None
    if not isinstance(asked, dict):
        raise DeblurError("the request is no JSON object")
    return asked


def _seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise DeblurError("a preview begins at a time in seconds")
    return float(value)


def _adapt(value: Any, settings: dict[str, Any]) -> str | None:
    """For how long to learn from the clip first; the line of what is wrong with it comes before the job."""
    if value is None:
        return None
    try:
        parse.minutes(value)
    except ValueError:
        raise DeblurError("learning from the clip first takes a duration such as 5min or 90s") from None
    if settings.get("preset") == "fast":
        raise DeblurError("learning from the clip first needs preset balanced or best: fast has no network that learns")
    return str(value)


def _file(opened: Opened) -> dict[str, Any]:
    return {"key": opened.key, "name": opened.name, "path": str(opened.path)}
