"""transcode on a disk that fills or refuses: one line, and nothing half-written anywhere."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pyav import run_fast, write_clip
from vsdeblur.errors import DeblurError

CASES = [(name, how, limit) for name, how in (("a.mp4", 0), ("b.mp4", 1), ("c.y4m", 0)) for limit in (100, 3000)]

LIMITED = """
import json, resource, sys
from vsdeblur.errors import DeblurError
from vsdeblur.filters.pyav import transcode
said = []
for name, how, limit in json.loads(sys.argv[2]):
    options = {} if name.endswith("y4m") else {"crf": 1}
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        transcode(sys.argv[1], name, 2, shutter=0.5, preset="fast", resume=bool(how), overwrite=True, **options)
        said.append("nothing")
    except DeblurError as error:
        said.append(str(error))
print(json.dumps(said))
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no file size limits here")
def test_a_disk_that_fills(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 12, (96, 64))
    folder = tmp_path / "there"
    folder.mkdir()
    command = [sys.executable, "-c", LIMITED, str(source), json.dumps(CASES)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
    ended = subprocess.run(command, capture_output=True, timeout=120, env=environment, check=False, cwd=folder)
    assert ended.returncode == 0, ended.stderr
    for case, said in zip(CASES, json.loads(ended.stdout), strict=True):
        assert "cannot write" in said or "writing y4m failed" in said, case
        assert "too large" in said, case
        assert "\n" not in said
    assert {path.name for path in folder.iterdir()} <= {"b.mp4.vsdeblur-parts"}


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 4)
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with pytest.raises(DeblurError, match="cannot write"):
        run_fast(source, folder / "out.mp4")


def test_devices_are_refused(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 4)
    (tmp_path / "full.mp4").symlink_to("/dev/full")
    with pytest.raises(DeblurError, match="dst must be"):
        run_fast(source, tmp_path / "full.mp4", overwrite=True)


def test_a_failure_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 12)

    def fails(done: int, total: int | None, seconds: float, memory: int) -> None:
        if done == 5:
            raise RuntimeError("the caller's own trouble")

    for name in ("out.mp4", "out.y4m"):
        options = None if name.endswith("y4m") else {}
        with pytest.raises(RuntimeError, match="own trouble"):
            run_fast(source, tmp_path / name, 2, progress=fails, encoder_options=options)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]
