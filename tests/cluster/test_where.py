"""Names of clusters, what tasks are given, and what is refused; without Ray."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.pyav import write_clip
from vsdeblur.cluster import transcode
from vsdeblur.cluster.tasks import Needs, make_segment, run_tasks
from vsdeblur.cluster.where import Where, connected
from vsdeblur.errors import ArgumentError, DeblurError, UnknownArgumentError

GIB = 1 << 30


def test_names() -> None:
    assert Where.parse("auto") == Where("auto")
    assert Where.parse("local") == Where("", None)
    assert Where.parse("local:3") == Where("", 3)
    assert Where.parse("ray://head.farm:10001") == Where("ray://head.farm:10001")


@pytest.mark.parametrize("name", ["", "local:0", "local:x", "ray://", "ray://host", "ray://a b:1", "dask", 3, None])
def test_wrong_names(name: Any) -> None:
    with pytest.raises(ArgumentError, match="cluster must be auto, local, local:N"):
        Where.parse(name)


def test_needs() -> None:
    assert Needs.of(GIB, 0, None) == Needs(2 * GIB, 0.0)
    assert Needs.of(3 * GIB, 2, 16 * GIB) == Needs(2 * GIB, 0.3), "a quarter of a processor, in tenths"
    assert Needs.of(40 * GIB, 2, 16 * GIB).gpu == 1.0
    assert Needs.of(GIB, 2, None).gpu == 1.0


def test_a_task_that_fits_nowhere_is_refused() -> None:
    nodes = [{"Alive": True, "Resources": {"memory": 3 * GIB}}, {"Alive": False, "Resources": {"memory": 64 * GIB}}]
    ray = SimpleNamespace(nodes=lambda: nodes)
    with pytest.raises(DeblurError, match=r"takes 8\.0 GiB, and no machine of the cluster has more than 3\.0 GiB"):
        run_tasks(ray, Needs(8 * GIB), {}, lambda made: None)


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DeblurError, match=r"cluster needs Ray: pip install 'vsdeblur\[cluster\]'"), connected(Where()):
        pass


def test_refusals(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", 4)
    with pytest.raises(ArgumentError, match="cluster must be left out for y4m"):
        transcode(source, tmp_path / "out.y4m", cluster="local")
    with pytest.raises(ArgumentError, match="prior must be a name"):
        transcode(source, tmp_path / "out.mp4", cluster="local", prior=lambda frames, sigma: frames)
    for name in ("resume", "segment"):
        with pytest.raises(UnknownArgumentError):
            transcode(source, tmp_path / "out.mp4", cluster="local", **{name: None})


def test_a_task_says_what_failed(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").touch()
    outcome = make_segment(None, str(tmp_path / "in.mp4"), str(tmp_path / "out.mp4"), {}, "1/2")
    assert "the file is empty" in outcome["error"]
