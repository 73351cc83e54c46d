"""Results say where they come from; what was changed by hand, or is older than its code, is found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import records
import stale

VALUES: dict[str, Any] = {"gain": [1.5, 0.1], "machine": {"cores": 2}}
TABLE = "| a | b |\n| --- | ---: |\n| x | 1.50 |"


def commit(folder: Path, text: str, name: str = "code.py") -> str:
    """Write the file, commit it."""
    (folder / name).write_text(text)
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("add", "-A"), (*identity, "commit", "-qm", "a change")):
        subprocess.run(["git", *words], cwd=folder, check=True)
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    commit(tmp_path, "x = 1")
    monkeypatch.setattr(records, "ROOT", tmp_path)
    monkeypatch.setattr(records, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(records, "_PROOFS", tmp_path / "identical.json")
    monkeypatch.setattr(sys, "argv", ["/somewhere/benchmarks/quick.py", "--photos", "/home/me/photos"])
    return tmp_path


def test_results_say_where_they_come_from(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records.write_results("quick", VALUES, TABLE, ("code.py",))
    assert TABLE in capsys.readouterr().out
    made, values, table = records.load(checkout / "results" / "quick")
    assert (values, table) == (VALUES, TABLE)
    assert made["command"] == "python benchmarks/quick.py --photos photos"  # no path of this machine
    assert made["commit"] == records.git("rev-parse", "--short=10", "HEAD")
    assert made["uncommitted"] is False
    assert made["versions"].keys() >= {"python", "torch", "numpy"}
    header = (checkout / "results" / "quick.md").read_text().splitlines()[1]
    assert made["commit"] in header
    assert made["date"] in header


def test_code_that_is_not_committed_is_said(checkout: Path) -> None:
    (checkout / "code.py").write_text("x = 2")
    records.write_results("quick", VALUES, TABLE, ("code.py",))
    assert "with changes that were not committed" in (checkout / "results" / "quick.md").read_text()


@pytest.mark.parametrize(
    ("suffix", "old", "new"), [("md", "1.50", "1.60"), ("json", "1.5", "1.6"), ("json", "made", "m")]
)
def test_a_hand_is_found(checkout: Path, suffix: str, old: str, new: str) -> None:
    records.write_results("quick", VALUES, TABLE, ("code.py",))
    stem = checkout / "results" / "quick"
    assert stale.altered(stem) is None
    path = stem.with_suffix(f".{suffix}")
    path.write_text(path.read_text().replace(old, new))
    assert stale.altered(stem) is not None


def test_results_are_older_when_their_code_changes(checkout: Path) -> None:
    records.write_results("quick", VALUES, TABLE, ("code.py",))
    made = records.load(checkout / "results" / "quick")[0]
    commit(checkout, "y = 1", "other.py")
    assert stale.older(made, []) is None
    old = records.commit_of(checkout)
    new = commit(checkout, "x = 1  # the same")
    assert old is not None
    assert "1 changes of its code since" in (stale.older(made, []) or "")
    records.add_proof(old, new, jobs=3)
    assert stale.older(made, records.proofs()) is None
    for part, holds in (("code.py", False), ("other.py", True)):
        besides = [{**proof, "besides": [part]} for proof in records.proofs()]
        assert (stale.older(made, besides) is None) == holds
    commit(checkout, "x = 3")
    assert stale.older(made, records.proofs()) is not None


def test_a_commit_that_is_not_there_is_older(checkout: Path) -> None:
    assert "does not have" in (stale.older({"commit": "0" * 10, "date": "", "measures": ["code.py"]}, []) or "")


def test_committed_results_are_as_they_were_written() -> None:
    """Not whether they are older than their code: that takes the project's history."""
    stems = [path.with_suffix("") for path in records.RESULTS.glob("*.md")]
    assert len(stems) > 20
    assert {stem.name: why for stem in stems if (why := stale.altered(stem))} == {}
