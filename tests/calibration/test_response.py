"""The response curve: the family, and how it is found from edges that motion has blurred."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

from vsdeblur import estimate_response, restore
from vsdeblur.calibration.response.evidence import Ramps, frame_ramps
from vsdeblur.calibration.response.fit import ResponseEstimate, fit_response
from vsdeblur.cli import main
from vsdeblur.colour.response import Response
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.errors import ArgumentError
from vsdeblur.filters.pyav import transcode
from vsdeblur.filters.pyav.inspect.survey import Survey
from vsdeblur.filters.pyav.inspect.transfer import find_transfer
from vsdeblur.flow.motion import Motion
from vsdeblur.settings import parse_options
from vsdeblur.settings.transfers import gamma_of, is_known, name_of

SPEED, SHUTTER = 12, 0.75
LIGHT = torch.linspace(0, 1.5, 2001, dtype=torch.float64)


@pytest.mark.parametrize("gamma", [1.0, 1.3, 1.95, 2.2, 3.0])
def test_a_response_is_invertible_and_smooth(gamma: float) -> None:
    stored = Response(gamma).encode(LIGHT.clone())
    torch.testing.assert_close(Response(gamma).decode(stored.clone()), LIGHT, atol=1e-9, rtol=0)
    slope = stored.diff() / LIGHT.diff()
    assert (slope > 0).all()
    assert slope.diff().max() < 1e-6  # concave throughout, the joint included


def test_known_curves_belong_to_the_family() -> None:
    stored = torch.linspace(0, 1, 500)
    assert torch.equal(to_linear(stored, "response1"), stored)
    torch.testing.assert_close(to_linear(stored, "response2.2"), to_linear(stored, "srgb"), atol=2e-4, rtol=0)
    for name, like in (("bt709", "response1.9"), ("gamma2.2", "response2.2"), ("gamma2.6", "response2.6")):
        light = to_linear(stored, name)
        assert (from_linear(light, like) - stored)[100:].abs().max() < 0.03
    assert float(Response(2.6).encode(torch.tensor([1e-6]))) < 1e-4  # near black not infinitely steep


def test_names_of_responses() -> None:
    assert gamma_of("response1.9") == 1.9
    assert name_of(1.9) == "response1.9"
    assert name_of(1.0) == "response1"
    for wrong in ("response", "response0.5", "response4", "response1.9x", "gamma1.9", "fit"):
        assert not is_known(wrong)
        with pytest.raises(ArgumentError, match="response1"):
            parse_options(transfer=wrong)
    assert parse_options(transfer="response1.9").transfer == "response1.9"


def test_a_fit_needs_a_whole_clip() -> None:
    with pytest.raises(ArgumentError, match="estimate_response"):
        parse_options(transfer="fit")
    with pytest.raises(ArgumentError, match="standard input"):
        find_transfer("-", "fit")


def blurred_steps(gamma: float, frames: int = 3, noise: float = 0.0) -> Tensor:
    """(frames, 1, 64, 320) 8-bit stored values of bars that move to the right, their light averaged in the exposure."""
    rng = np.random.default_rng(5)
    bars = torch.from_numpy(rng.uniform(0.02, 0.9, (64 // 8, 40)).astype("float32"))
    fine = bars.repeat_interleave(8, 0).repeat_interleave(24 * 4, 1)  # 4 points a pixel
    way = round(SPEED * SHUTTER * 4)
    seen = torch.nn.functional.avg_pool1d(torch.nn.functional.avg_pool1d(fine, way, 1), 4)
    light = torch.stack([seen[:, 100 - SPEED * n :][:, :320] for n in range(frames)])[:, None]
    stored = Response(gamma).encode(light) + noise * torch.randn(light.shape, generator=torch.manual_seed(2))
    return (stored * 255).round().clamp(0, 255) / 255


def found(v: Tensor) -> ResponseEstimate:
    path = torch.zeros(len(v), 4, *v.shape[-2:])
    path[:, 0] = SPEED
    seen = torch.ones(len(v), 2, *v.shape[-2:])
    return fit_response([frame_ramps(v, Motion(path, seen[:, :1], seen), 1)], SHUTTER)


@pytest.mark.parametrize("gamma", [1.2, 1.95, 2.6])
def test_ramps_tell_the_gamma(gamma: float) -> None:
    estimate = found(blurred_steps(gamma))
    assert abs(estimate.gamma - gamma) < 0.1
    assert estimate.usable == estimate.gamma


def test_what_does_not_tell() -> None:
    flat = torch.full((3, 1, 64, 320), 0.5)
    assert found(flat) == (1.0, 0.0)
    assert found(flat).usable is None
    assert fit_response([], 0.5) == (1.0, 0.0)


def test_ramps_bent_as_no_gamma_bends_them_do_not_tell() -> None:
    rising = torch.linspace(0, 30, 33).pow(3) / 900  # convex in stored values
    count = 100
    ends = torch.full((count,), 0.2), torch.full((count,), 0.8), torch.full((count,), 0.5)
    assert fit_response([Ramps(rising.expand(count, -1), *ends, torch.arange(count) % 16)], 0.5) == (1.0, 0.0)


def test_estimate_response_finds_motion_itself() -> None:
    v = blurred_steps(2.2, frames=4).expand(-1, 3, -1, -1)
    gamma, confidence = estimate_response(v)
    assert abs(gamma - 2.2) < 0.3
    assert confidence > 0.5


def test_restore_fits_the_transfer(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    v = blurred_steps(2.0)[..., :96]
    said = ResponseEstimate(2.0, 0.9)
    monkeypatch.setattr(import_module("vsdeblur.restore"), "clip_response", lambda places: said)
    arguments = {"shutter": SHUTTER, "flow": "dis", "preset": "fast"}
    assert torch.equal(restore(v, transfer="fit", **arguments), restore(v, transfer="response2", **arguments))
    said = ResponseEstimate(2.0, 0.1)
    assert torch.equal(restore(v, transfer="fit", **arguments), restore(v, transfer="linear", **arguments))
    assert "leaves it open (confidence 0.10)" in caplog.text


def test_what_a_file_is_restored_with(monkeypatch: pytest.MonkeyPatch) -> None:
    for said, transfer, words in (
        (ResponseEstimate(1.9, 0.7), "response1.9", "fitted to the clip, confidence 0.70"),
        (ResponseEstimate(1.9, 0.3), None, "confidence 0.30"),
        (ResponseEstimate(1.0, 0.0), None, "no edges"),
    ):
        monkeypatch.setattr(Survey, "response", said)
        curve = find_transfer("clip.mkv", "fit")
        assert curve.transfer == transfer
        assert words in str(curve)
    assert find_transfer("-", "srgb").transfer == "srgb"


def test_files_and_clips_are_fitted_as_tensors_are(tmp_path: Path) -> None:
    import av
    import vapoursynth as vs

    v = blurred_steps(2.2, frames=4)
    pictures = (v[:, 0] * 255).round().to(torch.uint8).numpy()
    file = tmp_path / "steps.mkv"
    with av.open(str(file), "w") as output:
        stream = output.add_stream("ffv1", rate=30, width=320, height=64, pix_fmt="gray")
        for picture in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        output.mux(stream.encode())
    curve = find_transfer(str(file), "fit")
    gamma, confidence = estimate_response(v)
    assert curve.transfer == name_of(gamma)
    assert f"{confidence:.2f}" in curve.source
    given = ["--transfer", "fit", "--shutter", SHUTTER, "--preset", "fast", "--flow", "dis"]
    done = CliRunner().invoke(main, ["transcode", str(file), str(tmp_path / "cli.y4m"), *map(str, given)])
    assert done.exit_code == 0, done.output
    assert f"transfer {curve}"[:40] in done.output
    report = transcode(file, tmp_path / "out.y4m", transfer="fit", shutter=SHUTTER, preset="fast", flow="dis")
    assert report.transfer == curve.transfer
    assert report.transfer_from == curve.source

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        np.copyto(np.asarray(out[0]), pictures[n])
        out.props["_Range"] = 1
        return out

    blank = vs.core.std.BlankClip(width=320, height=64, format=vs.GRAY8, length=len(v))
    assert estimate_response(blank.std.ModifyFrame(blank, fill)) == pytest.approx((gamma, confidence), abs=1e-3)
