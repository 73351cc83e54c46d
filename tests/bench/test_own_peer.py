"""A row of the user's own in the benchmark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from vsdeblur.bench.own_peer import own_peer, row_of
from vsdeblur.cli import main
from vsdeblur.errors import ArgumentError, DeblurError

PEER = """
import numpy as np

def twice(blurry, factor, shutter):
    assert blurry.dtype == np.float32 and 0 < shutter <= 1
    return blurry.repeat(factor, 0)

number = 3
"""


def blurry() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 32, 40, 3), np.uint8)


def test_a_function_of_a_file_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "peer.py").write_text(PEER)
    name, row = own_peer(f"mine={tmp_path / 'peer.py'}:twice")
    assert name == "mine"
    assert np.array_equal(row(blurry(), 4, 2), blurry().repeat(4, 0))
    with pytest.raises(DeblurError, match="has no function number"):
        own_peer(f"mine={tmp_path / 'peer.py'}:number")
    (tmp_path / "broken.py").write_text("import nothing_of_the_kind")
    with pytest.raises(DeblurError, match=r"broken\.py cannot be run: No module named"):
        own_peer(f"mine={tmp_path / 'broken.py'}:twice")


@pytest.mark.parametrize("given", ["mine", "mine=", "=x.py:f", "mine=x.py", "mine=none.py:f", "mine=.:f"])
def test_other_forms_are_refused(given: str) -> None:
    with pytest.raises(ArgumentError, match="peer must be NAME=FILE"):
        own_peer(given)
    done = CliRunner().invoke(main, ["bench", "--peer", given])
    assert done.exit_code == 2
    assert "--peer must be NAME=FILE.py:FUNCTION" in done.output


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda b, f, s: b, r"gave back \(3, 32, 40, 3\), not \(6, 32, 40, 3\)"),
        (lambda b, f, s: b.repeat(f, 0) * np.nan, "values that are not finite"),
        (lambda b, f, s: 1 / 0, "failed: division by zero"),
    ],
)
def test_what_a_row_does_wrong_is_one_line(function: object, message: str) -> None:
    with pytest.raises(DeblurError, match=message):
        row_of("mine", function)(blurry(), 2, 1)
