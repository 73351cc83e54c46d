from __future__ import annotations

import pytest

from vsdeblur.engine import solve_tiles


@pytest.fixture
def uncorrected(monkeypatch: pytest.MonkeyPatch) -> None:
    """All the weight to the learned step on key frames, none to the exposure's correction of it."""
    monkeypatch.setattr(solve_tiles, "LEARNED_RIDGE", 1e7)
