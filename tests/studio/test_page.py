"""The page as a person uses it, in a real browser, with the real commands behind it.

Skipped where there is no Chromium that starts, or Playwright is not installed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.browser import CHROMIUM, works
from tests.support.moving import texture
from vsdeblur.filters.pyav.file.write import write_mp4

pytest.importorskip("uvicorn")
playwright: Any = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.timeout(600)
PATIENCE = 240_000  # milliseconds: each step starts a process, perhaps on a busy machine


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    picture = (255 * texture(48, 96)[0].numpy()).astype(np.uint8)
    frames = (np.repeat(picture[:, n : n + 64, None], 3, axis=2) for n in range(16))
    write_mp4(folder / "clip.mp4", frames, Fraction(8), crf=10)
    (folder / "text.mp4").write_text("no video at all")
    return folder


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    if not works():
        pytest.skip("there is no Chromium that starts")
    command = [sys.executable, "-m", "vsdeblur", "studio", str(home), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()
        assert server.wait(30) == 143


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        yield running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    made = browser.new_context(viewport={"width": 900, "height": 800})
    made.set_default_timeout(PATIENCE)
    yield made
    made.close()


def opened(context: Any, address: str) -> Any:
    """A tab whose errors are the test's."""
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(address)
    page.wait_for_selector("#jobs *")
    return page


def test_from_the_clip_to_the_result(context: Any, address: str, home: Path) -> None:
    page = opened(context, address)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page.click("#browse")
    page.click("#listing button:has-text('clip.mp4')")
    page.wait_for_selector("#plots svg")
    assert "64x48" in page.inner_text("#facts")
    page.fill("[name=factor]", "2")
    page.select_option("[name=preset]", "fast")

    page.click("#preview")
    page.wait_for_selector("#shown:not([hidden])")
    inside = page.frame_locator("#shown")
    inside.locator("#said").filter(has_text="/ 32").wait_for()
    inside.locator("#place").fill("3")
    inside.locator("#said").filter(has_text="4 / 32").wait_for()
    inside.locator("#on").click()
    inside.locator("#said").filter(has_text="5 / 32").wait_for()
    pixels = "at => { divider.value = at; draw(); return canvas.toDataURL(); }"
    shown = [page.frames[1].evaluate(pixels, at) for at in (0, 500, 1000)]
    assert len(set(shown)) == 3
    inside.locator("#map").check()
    inside.locator("#ways >> text=fall-back").wait_for()
    mapped = [page.frames[1].evaluate(pixels, at) for at in (0, 500, 1000)]
    assert mapped[:2] != shown[:2]
    assert mapped[2] == shown[2]  # the left side is the input as before
    inside.locator("#map").uncheck()
    inside.locator("#speed").select_option("0.125")
    inside.locator("#zoom").select_option("2")

    assert page.input_value("#target") == str(home / "clip-x2.mp4")
    assert "--factor 2 --preset fast --resume" in page.text_content("#command")
    page.click("#run button")
    page.click("#jobs button:has-text('Cancel')")
    page.wait_for_selector("#jobs :text('cancelled')")
    page.click("#jobs button:has-text('Resume')")
    page.wait_for_selector("#jobs a:has-text('Download')")
    assert (home / "clip-x2.mp4").stat().st_size > 1000
    with page.expect_download() as download:
        page.click("#jobs a")
    assert Path(download.value.path()).read_bytes() == (home / "clip-x2.mp4").read_bytes()
    assert {url for url in asked if not url.startswith((address, "data:", "blob:"))} == set()


def test_a_file_without_video(context: Any, address: str) -> None:
    page = opened(context, address)
    page.fill("#path", "text.mp4")
    page.keyboard.press("Enter")
    page.wait_for_selector("#facts.failed")
    assert "text.mp4: Invalid data" in page.inner_text("#facts")
    page.fill("#path", "/etc/passwd")
    page.keyboard.press("Enter")
    page.wait_for_selector("#said:text('lies outside of')")


def test_a_wrong_token(context: Any, address: str) -> None:
    page = context.new_page()
    host = "/".join(address.split("/")[:3])
    for path in ("/", "/wrong/", "/wrong/state"):
        answer = page.goto(host + path)
        assert answer.status == 403
        assert "token" in page.inner_text("body")


def test_another_page_is_refused(context: Any, address: str) -> None:
    """What a page from elsewhere can send, even one that has learned the address."""
    page = context.new_page()
    page.route("http://evil.example/", lambda route: route.fulfill(body="<p>evil</p>", content_type="text/html"))
    page.goto("http://evil.example/")
    script = """async (address) => {
        const answers = [];
        for (const options of [{}, {mode: "no-cors"}, {method: "POST", body: "{}"}]) {
            answers.push(await fetch(address + "state", options).then((one) => one.type, () => "refused"));
        }
        return answers;
    }"""
    assert set(page.evaluate(script, address)) <= {"refused", "opaque"}


def test_a_dropped_file_and_two_tabs(context: Any, address: str, home: Path) -> None:
    first, second = opened(context, address), opened(context, address)
    data = (home / "clip.mp4").read_bytes()
    first.set_input_files("#chosen", {"name": "dropped clip.mp4", "mimeType": "video/mp4", "buffer": data})
    first.wait_for_selector("#files [aria-pressed=true]:has-text('dropped clip.mp4')")
    second.click("#files button:has-text('dropped clip.mp4')")
    for page in (first, second):
        page.wait_for_selector("#plots svg")
    first.fill("[name=factor]", "40")
    first.wait_for_selector("#wrong:text('--factor must be')")
    assert second.inner_text("#wrong") == ""
    second.reload()
    second.wait_for_selector("#files [aria-pressed=true]:has-text('dropped clip.mp4')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_and_the_keyboard(context: Any, address: str, scheme: str) -> None:
    page = opened(context, address)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 22, 22)"
    assert dark is (scheme == "dark")
    page.focus("#path")
    names = []
    for _ in range(3):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.textContent.trim()"))
    assert names == ["Open", "Browse", "Choose a file"]
