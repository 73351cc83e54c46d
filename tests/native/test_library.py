"""Which build of the kernels is loaded, and what is said where there is none."""

from __future__ import annotations

import logging
import platform
import shutil
import sys
from pathlib import Path

import pytest
import torch

import vsdeblur.native
from vsdeblur.native.library import library, load

FOLDER = Path(vsdeblur.native.__file__).parent
BUILT = platform.machine() in ("x86_64", "AMD64", "aarch64", "arm64") and sys.platform in ("linux", "darwin", "win32")

pytestmark = pytest.mark.quick


@pytest.fixture
def anew():
    library.cache_clear()
    yield
    library.cache_clear()


@pytest.mark.skipif(not BUILT, reason="no compiler for this machine on the registry")
def test_an_install_has_them(monkeypatch: pytest.MonkeyPatch, anew: None) -> None:
    monkeypatch.delenv("VSDEBLUR_NATIVE", raising=False)
    assert load(FOLDER)[0] is not None, load(FOLDER)[1]
    assert vsdeblur.native.takes(torch.zeros(1))


def test_a_variable_turns_them_off(
    monkeypatch: pytest.MonkeyPatch, anew: None, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VSDEBLUR_NATIVE", "0")
    with caplog.at_level(logging.INFO, "vsdeblur"):
        assert not vsdeblur.native.takes(torch.zeros(1))
        assert not vsdeblur.native.takes(torch.zeros(1))
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_what_is_missing_is_said_once(
    monkeypatch: pytest.MonkeyPatch, anew: None, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("VSDEBLUR_NATIVE", raising=False)
    monkeypatch.setattr("vsdeblur.native.library.load", lambda folder: (None, "not built for this machine"))
    for _ in range(2):
        assert library() is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "not built for this machine" in caplog.text


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "source", tmp_path / "source")
    assert load(tmp_path) == (None, "not built for this machine")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    shutil.copytree(FOLDER / "source", tmp_path / "source")
    (tmp_path / "kernels-base.so").write_bytes(b"no library")
    found, reason = load(tmp_path)
    assert found is None
    assert reason.startswith("kernels-base.so: ")


@pytest.mark.skipif(not BUILT, reason="no compiler for this machine on the registry")
def test_a_build_of_another_source_is_not_used(tmp_path: Path) -> None:
    for path in FOLDER.glob("kernels-*"):
        shutil.copy(path, tmp_path)
    shutil.copytree(FOLDER / "source", tmp_path / "source")
    assert load(tmp_path)[0] is not None
    with (tmp_path / "source" / "planes.c").open("a") as file:
        file.write("// a later version\n")
    found, reason = load(tmp_path)
    assert found is None
    assert "install again" in reason
