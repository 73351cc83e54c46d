"""What README and docs/ show is run: Python as it stands, on tiny clips; commands as far as their arguments go."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import av
import click
import cv2
import numpy as np
import pytest
import torch

from vsdeblur.cli import main

torch.set_num_threads(1)

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCE = 'vs.core.bs.VideoSource("in.mp4")'  # a plugin that the tests do without: a clip of VapourSynth's own stands in
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`(vsdeblur [a-z]+[^`]*)`")


def python_blocks() -> list[Any]:
    """The Python blocks of all pages, named after page and line."""
    return [
        pytest.param(match[1], id=f"{page.relative_to(ROOT)}:{text[: match.start()].count(chr(10)) + 1}")
        for page, text in ((page, page.read_text(encoding="utf-8")) for page in PAGES)
        for match in _PYTHON.finditer(text)
    ]


def commands() -> list[Any]:
    """Every ``vsdeblur ...`` of all pages: in shell blocks, in indented blocks, and in the middle of a sentence."""
    found = []
    for page in PAGES:
        fence = ""
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("```"):
                fence = "" if fence else line[3:] or "text"
                continue
            parts = _SPAN.findall(line)
            if fence == "sh" or (not fence and line.startswith("    ")):
                code = line.split("#")[0]
                parts = [part.strip().removeprefix("uv run ") for part in re.split(r"&&|\|", code)]
            name = f"{page.relative_to(ROOT)}:{number}"
            found += [pytest.param(part, id=name) for part in parts if part.startswith("vsdeblur ")]
    return found


def write_clip(path: Path, frames: int = 4, height: int = 48, width: int = 64) -> None:
    """A pattern that slides by two pixels a frame, at 30 frames a second."""
    y, x = np.mgrid[0:height, 0:width]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for n in range(frames):
            light = 128 + 60 * np.sin((x - 2 * n) / 3) * np.cos(y / 4)
            picture = np.repeat(light[..., None], 3, -1).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """To files of the repository; headings are checked where the site is built."""
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("code", python_blocks())
def test_python_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import vapoursynth as vs

    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "in.mp4")
    ramp = np.add.outer(np.arange(48), 3 * np.arange(64) % 97).astype(np.uint8)
    cv2.imwrite("shaken.png", np.repeat(ramp[..., None], 3, -1))
    clip = vs.core.std.BlankClip(width=64, height=48, format=vs.YUV420P8, length=4, fpsnum=30, fpsden=1)
    names = {"clip": clip}
    exec(compile(code.replace(SOURCE, "clip"), "docs", "exec"), names)  # as a reader runs it
    shown = names["clip"]
    if isinstance(shown, vs.VideoNode):
        shown.get_frame(0).close()  # filters of VapourSynth work when a frame is asked for


@pytest.mark.parametrize("line", commands())
def test_command_line_is_valid(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every option exists and takes the value that is given to it. "..." stands for what is left out."""
    monkeypatch.chdir(tmp_path)
    words = [word for word in shlex.split(line)[1:] if word != "..."]
    for word in words:
        if "." in word and "/" not in word:
            (tmp_path / word).touch()
        elif word.isupper() or word.startswith("run"):
            (tmp_path / word).mkdir(exist_ok=True)
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group) and words:
        name = words.pop(0)
        child = command.get_command(context, name)
        assert child is not None, f"no such command: {name}"
        command = child
    if words:
        command.make_context(command.name, words)
