"""Damaged segments: made again with the result of an undamaged run, or refused in a line; foreign files stay.

``python -m tests.fuzz.resume --cases 200`` has as many as there is time for.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.fuzz.damages import DAMAGES
from tests.fuzz.resume import Resumed, transcode
from vsdeblur.files import written
from vsdeblur.filters.pyav.segments import opened


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    seconds = opened.SECONDS
    whole = Resumed(tmp_path_factory.mktemp("resumed"))
    opened.SECONDS = seconds
    return whole


@pytest.mark.parametrize("number", range(len(DAMAGES)), ids=list(DAMAGES))
@pytest.mark.timeout(60)
def test_damages(resumed: Resumed, tmp_path: Path, number: int) -> None:
    outcome = resumed.case(number, tmp_path / "case")
    assert outcome.trouble == "", outcome


def test_what_is_made_again_is_said_once(resumed: Resumed, tmp_path: Path) -> None:
    shutil.copytree(resumed.folder, tmp_path / "case")
    parts = tmp_path / "case" / "out.mkv.vsdeblur-parts"
    for path in sorted(parts.glob("*.packets"))[:2]:
        path.write_bytes(b"")
    code, said = transcode(tmp_path / "case")
    assert code == 0
    assert len(said.splitlines()) == 1
    assert "do not check are made again (000000: its packets are not those that were written; 00000" in said
    assert not parts.exists()


def test_a_second_job_on_the_same_target_is_refused(resumed: Resumed, tmp_path: Path) -> None:
    shutil.copytree(resumed.folder, tmp_path / "case")
    with written(tmp_path / "case" / "out.mkv", keep=False):
        code, said = transcode(tmp_path / "case")
    assert (code, said.count("\n")) == (1, 1)
    assert "another job is writing" in said
