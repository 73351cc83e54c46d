"""Pages in a real browser: Chromium without a window, where there is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# The browser's own time runs as fast as the machine can, but videos are decoded in real time: where the machine is busy
# with other things, a page may not have come to its end when the time is up.
_PATIENCE = (1, 10, 100)

_ALONE = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
_HARNESS = """<script>
const pixel = (x, y) => Array.from(canvas.getContext("2d").getImageData(x, y, 1, 1).data.slice(0, 3));
const until = (happens) => new Promise((done) => {
  const look = () => (happens() ? done() : setTimeout(look, 1));
  look();
});
const press = (key) => document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true}));
const choose = (id, value, event = "input") => {
  document.getElementById(id).value = value;
  document.getElementById(id).dispatchEvent(new Event(event, {bubbles: true}));
};
(async () => { %s })().then(
  (found) => (document.body.dataset.found = JSON.stringify(found)),
  (error) => (document.body.dataset.found = JSON.stringify(String(error))),
);
</script>"""


@cache
def works() -> bool:
    """Whether there is a Chromium, and it starts: in some containers it cannot."""
    if CHROMIUM is None:
        return False
    with TemporaryDirectory() as profile:
        command = [CHROMIUM, *_ALONE, f"--user-data-dir={profile}", "--dump-dom", "data:text/html,<p>here</p>"]
        try:
            return "<p>here</p>" in subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
        except subprocess.TimeoutExpired:
            return False


def found_in(page: Path, script: str, scratch: Path, width: int = 900, seconds: int = 20) -> Any:
    """What a script returns in a page: the body of an async function, which may use the harness's helpers.

    Args:
        page: a file of HTML.
        script: JavaScript.
        scratch: an empty folder for the browser.
        width: of the window, pixels.
        seconds: of the browser's own time, at first; where the page has no answer by then, much more.
    """
    assert CHROMIUM is not None
    copy = scratch / "page.html"
    copy.write_text(page.read_text("utf-8").replace("</body>", _HARNESS % script + "</body>"), "utf-8")
    places = f"--user-data-dir={scratch / 'profile'}", f"--window-size={width},800"
    for more in _PATIENCE:
        budget = f"--virtual-time-budget={1000 * seconds * more}"
        command = [CHROMIUM, *_ALONE, *places, budget, "--dump-dom", copy.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=6 * seconds, check=True)
        answer = re.search(r'<body[^>]* data-found="([^"]*)"', done.stdout)
        if answer:
            break
    assert answer, done.stdout[-300:]
    return json.loads(unescape(answer[1]))
