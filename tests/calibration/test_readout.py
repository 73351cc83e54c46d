"""The readout of a rolling shutter, from the frames themselves."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.pyav import write_clip
from vsdeblur import estimate_readout, restore
from vsdeblur.calibration.readout.clip import sample_drift
from vsdeblur.calibration.readout.evidence import Drift
from vsdeblur.calibration.readout.fit import CONFIDENT, NOTHING, ReadoutEstimate, fit_readout, likelihood
from vsdeblur.clip.samples import SAMPLE_FRAMES, ClipSample
from vsdeblur.errors import ArgumentError
from vsdeblur.filters.pyav.inspect import readout as _readout
from vsdeblur.filters.pyav.inspect.readout import FoundReadout, find_readout
from vsdeblur.filters.pyav.inspect.survey import Survey
from vsdeblur.settings import checked
from vsdeblur.synthetic.handheld import Hand, film, picture

SIZE = (96, 160)


@cache
def seen() -> np.ndarray:
    return picture(*SIZE, 3)


@cache
def filmed(kind: str = "held", readout: float = 0.6, frames: int = 8, shutter: float = 0.3) -> Tensor:
    """(frames, 3, 96, 160), linear light."""
    shots = film(seen(), Hand.of(kind, 3), frames, shutter, readout, SIZE, taps=4)
    return torch.from_numpy(np.rint(shots.clip(0, 1) * 255) / 255).permute(0, 3, 1, 2).float()


def drift_of(frames: Tensor) -> Drift:
    drift = sample_drift(ClipSample.of(frames))
    assert drift is not None
    return drift


@pytest.mark.parametrize("kind", ["held", "walking", "tremor"])
@pytest.mark.parametrize("readout", [0.3, 0.75])
def test_a_hand_tells_the_readout(kind: str, readout: float) -> None:
    found, confidence = estimate_readout(filmed(kind, readout))
    assert found == pytest.approx(readout, rel=0.15)
    assert confidence > CONFIDENT


def test_a_global_shutter_is_known_as_one() -> None:
    found, confidence = estimate_readout(filmed(readout=0.0))
    assert found < 0.03
    assert confidence > CONFIDENT


@pytest.mark.parametrize("kind", ["pan", "still"])
def test_motion_that_does_not_change_tells_nothing(kind: str) -> None:
    assert estimate_readout(filmed(kind))[1] < 0.2
    assert fit_readout([drift_of(filmed(kind))]).usable == 0


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (2, 1, 64, 64), (5, 1, 16, 300), (5, 3, 33, 40), (5, 1, 300, 17)])
def test_too_little_to_tell_anything(shape: tuple[int, ...]) -> None:
    assert estimate_readout(torch.rand(shape))[1] < CONFIDENT
    assert estimate_readout(torch.zeros(shape)) == NOTHING == (0.0, 0.0)


def test_a_cut_and_what_moves_by_itself_do_not_mislead() -> None:
    v = filmed()
    other = filmed("walking", 0.6, 3).flip(-1)
    assert estimate_readout(torch.cat((other, v)))[0] == pytest.approx(0.6, rel=0.15)
    passing = v.clone()
    for n in range(len(v)):  # a thing that crosses against the hand, a fifth of the picture
        passing[n, :, 30:70, 8 * n : 8 * n + 48] = filmed(readout=0.0)[0, :, 20:60, 60:108]
    found, confidence = estimate_readout(passing)
    assert found == pytest.approx(0.6, rel=0.15)
    assert confidence > CONFIDENT


def test_places_are_added_up_and_one_may_be_wrong() -> None:
    right, wrong = drift_of(filmed()), drift_of(filmed("walking", 0.0))
    assert likelihood(right).sum() == pytest.approx(1)
    assert fit_readout([right, right, wrong]).readout == pytest.approx(0.6, rel=0.15)
    assert (
        fit_readout([right, right]).confidence
        > fit_readout([right]).confidence
        > fit_readout([right, wrong]).confidence
    )
    assert fit_readout([]) == NOTHING


def test_numpy_arrays_and_nonsense() -> None:
    v = filmed()
    assert estimate_readout(v.numpy()) == estimate_readout(v)
    assert estimate_readout(v.double() ** (1 / 2.2), "gamma2.2")[0] == pytest.approx(estimate_readout(v)[0], abs=0.01)
    for wrong in (None, "clip.mp4", v[0], v.to(torch.uint8)):
        with pytest.raises(ArgumentError, match="clip"):
            estimate_readout(wrong)


def test_restore_takes_what_it_finds() -> None:
    v = filmed()[:5, :, :64, :64]
    common = {"shutter": 0.3, "preset": "fast", "flow": "dis"}
    found = estimate_readout(v)
    assert isinstance(found, ReadoutEstimate)
    assert torch.equal(restore(v, readout="auto", **common), restore(v, readout=found.usable, **common))
    still = v[:1].expand(3, -1, -1, -1)
    assert torch.equal(restore(still, readout="auto", **common), restore(still, **common))


def test_files_are_looked_at_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vsdeblur.filters.pyav import transcode

    path = str(write_clip(tmp_path / "in.mkv", 4))
    survey, rate = Survey(path), Fraction(30)
    assert find_readout(survey, "20ms", rate) == FoundReadout("20ms", "given")
    assert find_readout(survey, "auto", rate).readout == 0
    assert "leaves it open" in find_readout(survey, "auto", rate).source
    with pytest.raises(ArgumentError, match="readout"):
        find_readout(Survey("-"), "auto", rate)
    monkeypatch.setattr(Survey, "readout", ReadoutEstimate(0.4, 0.9))
    common = {"shutter": 0.5, "preset": "fast", "flow": "dis"}
    for name, readout in (("auto", "auto"), ("given", 0.4)):
        done = transcode(path, tmp_path / f"{name}.y4m", readout=readout, **common)
        assert done.readout == 0.4
    assert (tmp_path / "auto.y4m").read_bytes() == (tmp_path / "given.y4m").read_bytes()
    assert done.readout_from == "given"
    assert find_readout(survey, "auto", rate).source == "estimated, confidence 0.90"
    monkeypatch.setattr(Survey, "readout", ReadoutEstimate(0.0, 0.9))
    assert "rows move alike" in find_readout(survey, "auto", rate).source
    monkeypatch.setattr(Survey, "readout", ReadoutEstimate(0.0, 0.1))
    assert "leaves it open" in find_readout(survey, "auto", rate).source


def test_telemetry_comes_first_and_a_stabilised_picture_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    said = (["a camera", 0.02, False], ["a camera", 0.02, True], ["", None, False])
    monkeypatch.setattr(_readout, "camera_readout", lambda path: said[0])
    for asked in ("auto", "telemetry"):
        found = find_readout(Survey("some.mp4"), asked, Fraction(25))
        assert checked("readout", found.readout, Fraction(25)) == pytest.approx(0.5)
        assert found.source == "by telemetry of a camera: 20 ms"
    monkeypatch.setattr(_readout, "camera_readout", lambda path: said[1])
    for asked in ("auto", "telemetry"):
        found = find_readout(Survey("some.mp4"), asked, Fraction(25))
        assert found.readout == 0
        assert "a camera has stabilised the picture" in found.source
    monkeypatch.setattr(_readout, "camera_readout", lambda path: said[2])
    with pytest.raises(ArgumentError, match="readout"):
        find_readout(Survey("some.mp4"), "telemetry", Fraction(25))


def test_hosts_that_cannot_look_ahead_say_who_can() -> None:
    import vapoursynth as vs

    from vsdeblur import deblur
    from vsdeblur.filters.pyav import deblur_frames

    with pytest.raises(ArgumentError, match="estimate_readout"):
        deblur_frames([], readout="auto", rate=30)
    blank = vs.core.std.BlankClip(width=64, height=64, format=vs.GRAYS, length=SAMPLE_FRAMES)
    with pytest.raises(vs.Error, match="estimate_readout"):
        deblur(blank, readout="auto")
    assert estimate_readout(blank) == NOTHING


def test_a_vapoursynth_clip_says_what_its_frames_say() -> None:
    import vapoursynth as vs

    v = filmed().mean(1)
    blank = vs.core.std.BlankClip(width=SIZE[1], height=SIZE[0], format=vs.GRAYS, length=len(v))

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        np.copyto(np.asarray(out[0]), v[n].numpy())
        out.props["_Transfer"] = 8  # linear
        return out

    found, confidence = estimate_readout(blank.std.ModifyFrame(blank, fill))
    assert found == pytest.approx(0.6, rel=0.15)
    assert confidence > CONFIDENT
