"""benchmarks/identical.py finds every difference, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks"
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
CHANGED, SAME = "tensors/array-float64", "errors/restore-frame"
Parts = Mapping[str, np.ndarray[Any, Any]]


@pytest.fixture
def difference(monkeypatch: pytest.MonkeyPatch) -> Callable[[Parts, Parts], str | None]:
    monkeypatch.syspath_prepend(str(FOLDER))
    found: Callable[[Parts, Parts], str | None] = import_module("identical_jobs.compare").difference
    return found


def parts() -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    frames = {f"frame {n}": rng.random((3, 4, 5), np.float32) for n in range(3)}
    return frames | {"props": np.array("{'_Matrix': 1}"), "plane": rng.integers(0, 255, (4, 5), np.uint8)}


def test_the_same_is_the_same(difference: Callable[[Parts, Parts], str | None]) -> None:
    old = parts() | {"unknown": np.array([np.nan, -0.0])}
    assert difference(old, {label: value.copy() for label, value in old.items()}) is None


def test_one_bit_is_found_and_measured(difference: Callable[[Parts, Parts], str | None]) -> None:
    new = parts()
    new["frame 1"].view(np.uint32)[0, 0, 0] ^= 1
    said = difference(parts(), new)
    assert said is not None
    assert said.startswith("1 of 5 parts differ, first frame 1: largest difference ")
    assert 0 < float(said.split("difference ")[1].split(",")[0]) < 1e-6


@pytest.mark.parametrize(
    ("label", "value", "words"),
    [
        ("frame 0", np.zeros((3, 4, 5), np.float32), "first frame 0: largest difference 0."),
        ("frame 0", np.zeros((3, 4, 6), np.float32), "float32 (3, 4, 5) -> float32 (3, 4, 6)"),
        ("frame 0", np.zeros((3, 4, 5)), "float32 (3, 4, 5) -> float64 (3, 4, 5)"),
        ("frame 0", np.full((3, 4, 5), np.nan, np.float32), "largest difference inf"),
        ("plane", np.full((4, 5), 255, np.uint8), "1 of 5 parts differ, first plane"),
        ("props", np.array("{'_Matrix': 5}"), "\"{'_Matrix': 1}\" -> \"{'_Matrix': 5}\""),
        ("frame 3", np.zeros(1), "1 of 6 parts differ, first frame 3: only in new"),
    ],
)
def test_differences_are_named(
    difference: Callable[[Parts, Parts], str | None], label: str, value: np.ndarray[Any, Any], words: str
) -> None:
    said = difference(parts(), parts() | {label: value})
    assert said is not None
    assert words in said


def test_a_zero_of_the_other_sign_is_a_difference(difference: Callable[[Parts, Parts], str | None]) -> None:
    assert difference({"u": np.array([0.0])}, {"u": np.array([-0.0])}) is not None


def identical(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, FOLDER / "identical.py", ROOT, "--jobs", CHANGED, SAME, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)


def test_a_checkout_against_what_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = identical("--store", tmp_path)
    assert stored.returncode == 0, stored.stderr
    monkeypatch.syspath_prepend(str(FOLDER))
    kept = import_module("identical_jobs.outcomes").Outcomes(tmp_path)
    parts = kept.parts(CHANGED)
    parts["frame 2"].view(np.uint64)[0, 0, 0] ^= 1
    kept.save(CHANGED, kept.index[CHANGED], parts)
    done = identical("--against", tmp_path)
    assert done.returncode == 1, done.stderr
    rows = {row.split("|")[1].strip(): row for row in done.stdout.splitlines()}
    assert "| same |" in rows[SAME]
    assert "| 1 of 6 parts differ, first frame 2: " in rows[CHANGED]
