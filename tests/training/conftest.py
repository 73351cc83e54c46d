"""Clips of a generated scene, as training reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vsdeblur.filters.pyav.file.write import write_mp4
from vsdeblur.synthetic.scene import Scene
from vsdeblur.training.clips import ClipFile, find_clips

FRAMES = 48


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips of 256x208, and a short one, a small one and a file that is none."""
    folder = tmp_path_factory.mktemp("films")
    for seed, name in enumerate(("one.mp4", "two.mp4", "three.mp4")):
        scene = Scene(208, 256, seed)
        frames = np.stack([np.rint(255 * scene.at(k / 12)).astype(np.uint8) for k in range(FRAMES)])
        write_mp4(folder / name, frames, 30)
    write_mp4(folder / "short.mp4", frames[:10], 30)
    write_mp4(folder / "small.mp4", frames[:, :96, :128], 30)
    (folder / "notes.txt").write_text("no clip")
    return folder


@pytest.fixture(scope="session")
def clips(clip_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[ClipFile]:
    kept, held_out = find_clips(clip_folder, tmp_path_factory.mktemp("cache"))
    return kept + held_out
