"""A job says what it does before it loads what takes seconds, where there is no terminal too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pyav import write_clip

_SCRIPT = """
import sys
from rich.console import Console
import vsdeblur.cli as cli
plain = Console.print
def noted(self, *words, **more):
    if "reading" in str(words):
        loaded = [name for name in ("torch", "av", "cv2", "numpy") if name in sys.modules]
        assert not loaded, loaded
        plain(self, *words, **more)
        sys.exit(7)
    plain(self, *words, **more)
Console.print = noted
cli.main(sys.argv[1:])
"""


@pytest.mark.parametrize("words", [("transcode", "in.mp4", "out.mp4"), ("batch", ".", "../out")])
def test_the_first_word_comes_before_the_libraries(tmp_path: Path, words: tuple[str, ...]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_clip(folder / "in.mp4", 3)
    done = subprocess.run([sys.executable, "-c", _SCRIPT, *words], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (7, f"vsdeblur: reading {words[1]}\n")
