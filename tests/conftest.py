"""One thread for torch, here and in every process that a test starts: these tensors are too small to share out."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six colourful noise pictures, and a broken, a tiny and a grey one."""
    import cv2
    import numpy as np

    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for k in range(6):
        coarse = rng.integers(0, 255, (30, 40, 3), np.uint8)
        cv2.imwrite(str(folder / f"good{k}.png"), cv2.resize(coarse, (400, 300), interpolation=cv2.INTER_CUBIC))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    cv2.imwrite(str(folder / "tiny.png"), rng.integers(0, 255, (40, 40, 3), np.uint8))
    cv2.imwrite(str(folder / "grey.png"), np.full((300, 300, 3), 90, np.uint8))
    return folder
