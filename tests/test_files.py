"""Targets: links, two jobs on one, long names, and what a process leaves that ends at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.files import check_target, remove_dead, remove_unfinished, written


def test_a_link_is_written_through(tmp_path: Path) -> None:
    real, link = tmp_path / "folder" / "real.txt", tmp_path / "link.txt"
    real.parent.mkdir()
    link.symlink_to(real)
    for text in ("first", "second"):
        check_target(link, "-", overwrite=True)
        with written(link) as temporary:
            assert temporary.parent == real.parent
            temporary.write_text(text)
        assert link.is_symlink()
        assert real.read_text() == text
    assert [path.name for path in real.parent.iterdir()] == ["real.txt"]


def test_one_job_at_a_time_writes_a_target(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    with written(target) as temporary:
        temporary.write_text("whole")
        with pytest.raises(DeblurError, match=r"another job is writing .*out.txt"):
            check_target(target, "-", overwrite=False)
        with pytest.raises(DeblurError, match="another job is writing"), written(target):
            pass
    assert target.read_text() == "whole"
    check_target(target, "-", overwrite=True)


def test_what_a_dead_job_left_is_no_hindrance(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    with written(target) as temporary:
        name = temporary.name
        temporary.write_text("x")
    (tmp_path / name).write_text("left by a job that was killed")
    with written(target) as temporary:
        temporary.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]
    assert target.read_text() == "new"


def test_long_names(tmp_path: Path) -> None:
    longest = tmp_path / ("ä" * 125 + ".mp4")
    check_target(longest, "-", overwrite=False)
    with written(longest) as temporary:
        temporary.write_text("x")
    assert longest.exists()
    with pytest.raises(ArgumentError, match="dst must be a file name"):
        check_target(tmp_path / ("x" * 300 + ".mp4"), "-", overwrite=False)


def test_a_process_that_ends_at_once_removes_what_it_began(tmp_path: Path) -> None:
    with written(tmp_path / "out.txt", keep=False) as temporary:
        temporary.write_text("half")
        remove_unfinished()
        assert not temporary.exists()


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), written(tmp_path / "out.txt"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_what_dead_jobs_left_is_recognised(tmp_path: Path) -> None:
    names = []
    for target in ("a.mp4", "b.tar.gz", "no ending"):
        with written(tmp_path / target) as temporary:
            names.append(temporary.name)
            temporary.write_text("x")
    for name in names:
        (tmp_path / name).write_text("left by a job that was killed")
    foreign = [".a.00000000.part.mp4", ".a.part.mp4", "a.mp4.part", names[0] + ".bak"]
    for name in foreign:
        (tmp_path / name).write_text("of another program")
    assert remove_dead(tmp_path) == [], "a job may be writing them, on a drive without locks"
    with written(tmp_path / "alive.mp4", keep=False) as alive:
        alive.write_text("x")
        assert sorted(remove_dead(tmp_path, at_rest=0)) == sorted(names)
        assert alive.exists()
    assert all((tmp_path / name).exists() for name in foreign)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.timeout(10)
def test_what_is_no_file_under_a_temporary_name_is_refused(tmp_path: Path) -> None:
    with written(tmp_path / "out.mp4", keep=False) as temporary:
        pass
    (tmp_path / "foreign").write_text("foreign")
    makers = (lambda: os.mkfifo(temporary), temporary.mkdir, lambda: temporary.symlink_to(tmp_path / "foreign"))
    for make in makers:
        make()
        with pytest.raises(DeblurError, match="is no regular file: move it away"), written(tmp_path / "out.mp4"):
            pass
        temporary.rmdir() if temporary.is_dir() else temporary.unlink()
    assert (tmp_path / "foreign").read_text() == "foreign"
