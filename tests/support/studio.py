"""Requests to the page's server without a network, and a program in the place of vsdeblur."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKEN, PORT = "t0ken", 8123
HERE = f"http://127.0.0.1:{PORT}"

# Says how it goes, then writes what it was asked for; "wait" in a name keeps it from ending by itself.
PROGRAM = """
import json, pathlib, sys, time
command = sys.argv[1]
if "broken" in sys.argv[2]:
    print("vsdeblur: cannot open it: it is broken", file=sys.stderr)
    raise SystemExit(1)
print(json.dumps({"done": 1, "total": 4, "seconds": 1.0, "memory": 2 ** 20}), file=sys.stderr, flush=True)
while "wait" in sys.argv[2] and not pathlib.Path(sys.argv[2] + ".go").exists():
    time.sleep(0.02)
if command == "transcode":
    pathlib.Path(sys.argv[3]).write_text("restored")
print(json.dumps({"command": sys.argv[1:], "shutter": 0.4, "shutter_from": "estimated"}))
"""


def program(folder: Path) -> Sequence[str]:
    """What ``Jobs`` may run."""
    path = folder / "program.py"
    path.write_text(PROGRAM)
    return sys.executable, str(path)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def request(
    app: Any, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, query: str = ""
) -> Answer:
    """One request, as the page sends it unless ``headers`` say otherwise; None leaves one out."""
    usual = {"host": f"127.0.0.1:{PORT}"} | ({} if method == "GET" else {"origin": HERE})
    named = {name: value for name, value in (usual | (headers or {})).items() if value is not None}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "scheme": "http",
        "server": ("127.0.0.1", PORT),
        "client": ("127.0.0.1", 1),
        "root_path": "",
    }
    sent = [{"type": "http.request", "body": body, "more_body": False}]
    got: list[Any] = []

    async def receive() -> Any:
        return sent.pop(0) if sent else await asyncio.sleep(60, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        got.append(message)

    await app(scope, receive, send)
    return Answer(
        got[0]["status"],
        {name.decode(): value.decode() for name, value in got[0]["headers"]},
        b"".join(message.get("body", b"") for message in got[1:]),
    )
