"""A few hostile cases of each kind; ``python -m tests.fuzz.run --cases 2000`` runs as many as there is time for."""

from __future__ import annotations

import sys

import pytest

from tests.fuzz.cases import KINDS
from tests.fuzz.run import run_case, warm_up

CASES = 8  # of each kind


@pytest.mark.skipif(sys.platform == "win32", reason="cases are forked")
@pytest.mark.parametrize("kind", KINDS)
def test_hostile_cases_end_as_documented(kind: str) -> None:
    warm_up()
    outcomes = [run_case(number, (kind,)) for number in range(CASES)]
    assert [f"{one.number}: {one.trouble}" for one in outcomes if one.trouble] == []
