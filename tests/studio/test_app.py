"""The server of the page: who is answered, what may be opened and written, what is run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.studio import PORT, TOKEN, Answer, program, request

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from vsdeblur.studio.app import Studio
from vsdeblur.studio.jobs import Jobs
from vsdeblur.studio.opened import plain_name
from vsdeblur.studio.places import Places

Ask = Callable[..., Awaitable[Answer]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "inner").mkdir(parents=True)
    for name in ("clip.mp4", "wait.mp4", "broken.mp4", "notes.txt", "inner/other.MOV"):
        (tmp_path / "home" / name).write_bytes(b"frames")
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    return tmp_path / "home"


def run(home: Path, script: Callable[[Ask], Awaitable[None]]) -> None:
    """A conversation with a server."""

    async def conversation() -> None:
        scratch = home.parent / "scratch"
        scratch.mkdir()
        jobs = Jobs(program(home.parent))
        app = Studio(Places([home]), scratch, jobs).app(TOKEN, PORT)

        async def ask(method: str, path: str, body: Any = b"", **more: Any) -> Answer:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            return await request(app, method, f"/{TOKEN}{path}", data, **more)

        try:
            await script(ask)
        finally:
            await jobs.close()

    asyncio.run(asyncio.wait_for(conversation(), 60))


async def ended(ask: Ask, key: str, state: str) -> Any:
    """A job once it has come to a state."""
    while True:
        job = (await ask("GET", f"/jobs/{key}")).json
        if job["state"] == state:
            return job
        assert job["state"] in ("waiting", "running"), job
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("method", "path", "headers", "said"),
    [
        ("GET", "/wrong/", {}, "lacks its token"),
        ("GET", "/", {}, "lacks its token"),
        ("GET", f"/{TOKEN}", {}, "lacks its token"),
        ("GET", "/état/", {}, "lacks its token"),
        ("GET", f"/{TOKEN}/", {"host": "evil.example"}, "not served here"),
        ("GET", f"/{TOKEN}/", {"host": f"evil.example:{PORT}"}, "not served here"),
        ("GET", f"/{TOKEN}/", {"host": None}, "not served here"),
        ("GET", f"/{TOKEN}/", {"origin": "http://evil.example"}, "another page"),
        ("GET", f"/{TOKEN}/", {"sec-fetch-site": "cross-site"}, "another page"),
        ("GET", f"/{TOKEN}/state", {"sec-fetch-site": "same-site"}, "another page"),
        ("POST", f"/{TOKEN}/open", {"origin": None}, "Origin"),
        ("POST", f"/{TOKEN}/open", {"origin": "null"}, "another page"),
        ("POST", f"/{TOKEN}/open", {"origin": f"http://localhost:{PORT + 1}"}, "another page"),
    ],
)
def test_others_are_refused(
    home: Path, method: str, path: str, headers: dict[str, Any], said: str, tmp_path: Path
) -> None:
    app = Studio(Places([home]), tmp_path).app(TOKEN, PORT)
    answer = asyncio.run(request(app, method, path, headers=headers))
    assert answer.status == 403
    assert said in answer.body.decode()


def test_the_page_loads_nothing_and_says_so(home: Path) -> None:
    async def script(ask: Ask) -> None:
        for headers in ({}, {"host": f"localhost:{PORT}"}, {"sec-fetch-site": "none"}):
            answer = await ask("GET", "/", headers=headers)
            assert answer.status == 200
        text = answer.body.decode()
        assert "http:" not in text.replace("http://www.w3.org", "")
        assert "https:" not in text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "'unsafe-inline'" not in answer.headers["content-security-policy"].split("script-src")[1].split(";")[0]
        assert answer.headers["referrer-policy"] == "no-referrer"

    run(home, script)


@pytest.mark.parametrize(
    "path", ["../secret.mp4", "{above}/secret.mp4", "/etc/passwd", "inner/../../secret.mp4", "link.mp4", "~root/x.mp4"]
)
def test_paths_outside_of_what_was_opened_are_refused(home: Path, path: str) -> None:
    (home / "link.mp4").symlink_to(home.parent / "secret.mp4")

    async def script(ask: Ask) -> None:
        answer = await ask("POST", "/open", {"path": path.format(above=home.parent)})
        assert answer.status in (400, 403)
        assert answer.status == 403 or "~" in path
        assert (await ask("GET", "/state")).json["files"] == []
        assert (await ask("GET", "/places", query=f"path={home.parent}")).status == 403
        there = (await ask("POST", "/open", {"path": "clip.mp4"})).json
        target = {"kind": "transcode", "file": there["key"], "target": str(home.parent / "out.mp4")}
        assert (await ask("POST", "/jobs", target)).status == 403

    run(home, script)


def test_folders_are_listed_without_what_is_no_video(home: Path) -> None:
    async def script(ask: Ask) -> None:
        found = (await ask("GET", "/places")).json
        assert found["entries"] == [["inner", True], ["broken.mp4", False], ["clip.mp4", False], ["wait.mp4", False]]
        assert found["above"] is None
        inner = (await ask("GET", "/places", query=f"path={home / 'inner'}")).json
        assert (inner["entries"], inner["above"]) == ([["other.MOV", False]], str(home))

    run(home, script)


def test_what_cannot_be_opened_is_one_line(home: Path) -> None:
    (home / "list.mp4").write_text("#EXTM3U\nhttp://evil.example/a.ts\n")

    async def script(ask: Ask) -> None:
        for path, said in (("gone.mp4", "there is no"), ("inner", "is no file"), ("list.mp4", "list of other files")):
            answer = await ask("POST", "/open", {"path": path})
            assert answer.status == 400
            assert said in answer.json["error"]
        for body in (b"", b"[1]", b"{", b"[" * 100_000):
            assert (await ask("POST", "/open", body)).status == 400
        assert (await ask("POST", "/jobs", {"kind": "transcode", "file": "?"})).json["error"] == "this file is not open"
        assert (await ask("GET", "/jobs/none")).json["error"] == "there is no such job"

    run(home, script)


def test_a_clip_is_opened_previewed_and_restored(home: Path) -> None:
    async def script(ask: Ask) -> None:
        file = (await ask("POST", "/open", {"path": "clip.mp4"})).json
        assert (await ask("POST", "/open", {"path": str(home / "clip.mp4")})).json == file
        (looked,) = (await ask("GET", "/state")).json["jobs"]
        asked = {"file": file["key"], "settings": {"factor": "2", "preset": "fast", "duplicates": True, "crf": ""}}
        while (await ask("GET", "/state")).json["jobs"][0]["state"] != "done":
            await asyncio.sleep(0.02)
        words = (await ask("POST", "/words", asked)).json
        target = str(home / "clip-x2.mp4")
        assert words["target"] == target
        assert words["command"].endswith(f"clip.mp4 {target} --factor 2 --preset fast --resume")
        assert "deblur(clip, factor=2, preset='fast', shutter=0.4)" in words["script"]
        preview = (await ask("POST", "/jobs", {"kind": "preview", "start": 1.5, **asked})).json
        found = (await ended(ask, preview["key"], "done"))["result"]["command"]
        assert found[0] == "compare"
        assert found[found.index("--offset") + 1] == "1.5"
        job = (await ask("POST", "/jobs", {"kind": "transcode", "target": target, **asked})).json
        done = await ended(ask, job["key"], "done")
        assert done["progress"]["done"] == 1
        assert done["result"]["command"][2:] == [target, *words["command"].split()[-5:], "--progress", "json", "--json"]
        assert (await ask("GET", f"/jobs/{job['key']}/output")).body == b"restored"
        assert (await ask("POST", "/words", asked)).json["target"] == str(home / "clip-x2-2.mp4")
        assert looked["kind"] == "inspect"

    run(home, script)


def test_the_network_learns_from_the_clip_first(home: Path) -> None:
    async def script(ask: Ask) -> None:
        file = (await ask("POST", "/open", {"path": "clip.mp4"})).json
        target = str(home / "out.mp4")
        asked = {"kind": "transcode", "file": file["key"], "target": target, "settings": {"factor": "2"}}
        job = (await ask("POST", "/jobs", asked | {"adapt": "5min"})).json
        words = (await ended(ask, job["key"], "done"))["result"]["command"]
        assert words[words.index("--adapt") + 1] == "5min"
        for more, said in (
            ({"adapt": "--overwrite"}, "a duration such as 5min"),
            ({"adapt": ["5min"]}, "a duration such as 5min"),
            ({"adapt": "5min", "settings": {"preset": "fast"}}, "fast has no network that learns"),
        ):
            answer = await ask("POST", "/jobs", asked | more)
            assert answer.status == 400
            assert said in answer.json["error"]
        assert b'id="adapt"' in (await ask("GET", "/")).body

    run(home, script)


def test_a_job_is_cancelled_and_resumed_and_the_next_one_waits(home: Path) -> None:
    async def script(ask: Ask) -> None:
        file = (await ask("POST", "/open", {"path": "wait.mp4"})).json
        asked = {"kind": "transcode", "file": file["key"], "settings": {}}
        first = (await ask("POST", "/jobs", {**asked, "target": "a.mp4"})).json
        second = (await ask("POST", "/jobs", {**asked, "target": "b.mp4"})).json
        again = await ask("POST", "/jobs", {**asked, "target": "a.mp4"})
        assert "another job writes" in again.json["error"]
        while not (await ask("GET", f"/jobs/{first['key']}")).json["progress"]:
            await asyncio.sleep(0.02)
        assert (await ask("GET", f"/jobs/{second['key']}")).json["state"] == "waiting"
        assert (await ask("POST", f"/jobs/{first['key']}/cancel")).json["state"] == "cancelled"
        (home / "wait.mp4.go").touch()
        await ended(ask, second["key"], "done")
        assert not (home / "a.mp4").exists()
        await ask("POST", f"/jobs/{first['key']}/resume")
        await ended(ask, first["key"], "done")
        assert (home / "a.mp4").exists()

    run(home, script)


def test_a_job_that_fails_says_why(home: Path) -> None:
    async def script(ask: Ask) -> None:
        file = (await ask("POST", "/open", {"path": "broken.mp4"})).json
        (looked,) = (await ask("GET", "/state")).json["jobs"]
        found = await ended(ask, looked["key"], "failed")
        assert found["message"] == "cannot open it: it is broken"
        assert found["file"] == file["key"]

    run(home, script)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"factor": "40"}, "--factor must be a number or a fraction"),
        ({"shutter": "2"}, "--shutter must be a fraction"),
        ({"fps": "60", "factor": "4"}, "--factor must be left out with --fps"),
        ({"crf": "good"}, "--crf must be a number from 0 to 63"),
        ({"prior": "video:/etc/passwd"}, "--prior must be one of"),
        ({"flow": "raft:/etc/passwd"}, "--flow must be left out"),
        ({"encoder_options": {"stats": "/tmp/x"}}, "the page has no such setting"),
    ],
)
def test_wrong_settings_are_named_as_on_the_command_line(home: Path, settings: dict[str, Any], said: str) -> None:
    async def script(ask: Ask) -> None:
        file = (await ask("POST", "/open", {"path": "clip.mp4"})).json
        for path in ("/words", "/jobs"):
            asked = {"kind": "transcode", "file": file["key"], "settings": settings, "target": "a.mp4"}
            answer = await ask("POST", path, asked)
            assert answer.status == 400
            assert said in answer.json["error"]

    run(home, script)


def test_a_dropped_file_is_copied_and_a_part_of_one_is_not(home: Path) -> None:
    async def script(ask: Ask) -> None:
        six = {"content-length": "6"}
        whole = await ask("PUT", "/upload", b"frames", query="name=..%2F..%2Fholiday.mp4", headers=six)
        assert whole.json["name"] == "holiday.mp4"
        copy = Path(whole.json["path"])
        assert copy.is_relative_to(home.parent / "scratch")
        assert copy.read_bytes() == b"frames"
        part = await ask("PUT", "/upload", b"fra", query="name=b.mp4", headers=six)
        assert (part.status, part.json["error"]) == (400, "b.mp4: 3 of 6 bytes came")
        assert (await ask("PUT", "/upload", b"", query="name=c.mp4")).json["error"] == "c.mp4 is empty"
        huge = await ask("PUT", "/upload", b"", query="name=d.mp4", headers={"content-length": str(10**18)})
        assert "does not fit" in huge.json["error"]
        kept = [path.name for path in (home.parent / "scratch").rglob("*") if path.is_file()]
        assert kept == ["holiday.mp4"]
        words = (await ask("POST", "/words", {"file": whole.json["key"], "settings": {}})).json
        assert words["target"] == str(home / "holiday-sharp.mp4")

    run(home, script)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a/b\\c.mp4", "c.mp4"),
        ("..", "clip"),
        ("", "clip"),
        ("\0<x>.mov", "__x_.mov"),
        (".mp4", "mp4"),
        ("ü 1.mp4", "ü 1.mp4"),
    ],
)
def test_names_are_made_plain(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_scripts_name_what_they_lack(home: Path) -> None:
    async def script(ask: Ask) -> None:
        file = (await ask("POST", "/open", {"path": "clip.mp4"})).json
        settings = {"slow": "4", "readout": "auto", "crf": "12", "factor": "1"}
        text = (await ask("POST", "/words", {"file": file["key"], "settings": settings})).json["script"]
        assert "# Without an equal here: --readout auto, --crf 12" in text
        assert "sharp = deblur(clip, factor=4" in text
        assert "std.AssumeFPS(sharp, src=clip)" in text
        compile(text, "script.vpy", "exec")

    run(home, script)
