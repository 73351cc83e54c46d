"""The shutter, from the frames themselves."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vsdeblur import estimate_shutter, restore
from vsdeblur.calibration.shutter.fit import NOTHING, fit_shutter
from vsdeblur.calibration.shutter.window import window_evidence, window_shutter
from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.settings import DEFAULT_SHUTTER, Options, parse_options
from vsdeblur.synthetic.scene import Scene, film
from vsdeblur.window import Window


@cache
def filmed(shutter: float, periods: int = 5, width: int = 192) -> Tensor:
    """(periods, 3, 5 / 8 width, width): a scene that pans by about 6 pixels a period, as a camera sees it."""
    _, blurry = film(Scene(width * 5 // 8, width), periods, 8, shutter, lambda light: light)
    return torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255


@pytest.mark.parametrize("shutter", [0.2, 0.35, 0.5, 0.75, 1.0])
def test_the_shutter_is_found(shutter: float) -> None:
    found, confidence = estimate_shutter(filmed(shutter))
    assert found == pytest.approx(shutter, abs=0.1)
    assert confidence > 0.8


def test_sharp_frames_have_a_short_shutter() -> None:
    found, confidence = estimate_shutter(filmed(0.02))
    assert found < 0.2
    assert confidence > 0.8


def test_brightness_size_and_noise_do_not_matter() -> None:
    v = filmed(0.5)
    noisy = v + 4 / 255 * torch.randn(v.shape, generator=torch.Generator().manual_seed(0))
    for other in (0.3 * v, v.mT, v.flip(0), noisy, v.double(), v.mean(1, keepdim=True)):
        assert estimate_shutter(other).shutter == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("count", [1, 2, 5, 60])
def test_without_motion_there_is_no_confidence_and_the_fallback(count: int) -> None:
    still = filmed(0.5)[:1].expand(count, -1, -1, -1)
    assert estimate_shutter(still) == NOTHING == (DEFAULT_SHUTTER, 0.0)
    assert estimate_shutter(torch.rand(1, 1, 64, 64).expand(count, -1, -1, -1)) == NOTHING


@pytest.mark.parametrize("size", [(1, 1), (3, 300), (16, 16), (32, 33)])
def test_tiny_pictures_are_no_trouble(size: tuple[int, int]) -> None:
    found = fit_shutter(window_evidence(Window(torch.rand(6, 3, *size), 0, 0, 6)))
    assert 0 < found.shutter <= 1


def test_numpy_arrays_and_nonsense() -> None:
    v = filmed(1.0)
    assert estimate_shutter(v.numpy()) == estimate_shutter(v)
    for wrong in (None, "clip.mp4", v[0], v.to(torch.uint8)):
        with pytest.raises(ArgumentError, match="clip"):
            estimate_shutter(wrong)
    with pytest.raises(ArgumentError, match="transfer"):
        estimate_shutter(v, "gamma")
    with pytest.raises(DeblurError, match="clip has values"):
        estimate_shutter(torch.full_like(v, float("nan")))


def test_a_cut_is_not_motion() -> None:
    v = torch.cat((filmed(0.5)[:3], filmed(1.0)[3:].flip(2)))
    window = Window(v, 10, 0, 5, cuts=frozenset({13}))
    alone = Window(v[:3], 0, 0, 3)
    assert fit_shutter(window_evidence(window)) == fit_shutter(window_evidence(alone))


def test_a_window_tells_what_a_host_can_see_and_no_more() -> None:
    v = filmed(1.0)
    auto, given = parse_options(shutter="auto"), parse_options(shutter=0.5)
    assert (auto.auto_shutter, given.auto_shutter) == (True, False)
    window = Window(v, 0, 1, 3)
    assert window_shutter(window, given) == 0.5
    assert window_shutter(window, auto) == window_shutter(dataclasses.replace(window, start=20), auto)
    assert window_shutter(window, auto) == pytest.approx(1.0, abs=0.1)
    assert window_shutter(Window(v[:1].expand(5, -1, -1, -1), 0, 1, 3), Options(auto_shutter=True)) == DEFAULT_SHUTTER


def test_restore_takes_the_estimate_as_if_it_were_given() -> None:
    v = filmed(0.75)[:, :, :64, :96]
    found = estimate_shutter(v)
    assert found.confidence > 0.3
    for auto in (None, "auto"):
        assert torch.equal(restore(v, 2, shutter=auto, preset="fast"), restore(v, 2, found.shutter, preset="fast"))
    still = v[:1].expand(3, -1, -1, -1)
    assert torch.equal(restore(still, 2, shutter=None, preset="fast"), restore(still, 2, 0.5, preset="fast"))


def planes(v: Tensor) -> list[np.ndarray]:
    return [np.rint(frame.permute(1, 2, 0).numpy() * 255).astype(np.uint8) for frame in v]


def written(path: Path, v: Tensor, repeat: int = 1) -> Path:
    import av

    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = v.shape[3], v.shape[2], "bgr0"
        for image in planes(v) * repeat:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="bgr0")))
        output.mux(stream.encode(None))
    return path


def test_a_transcode_says_which_shutter_it_took(tmp_path: Path) -> None:
    from vsdeblur.filters.pyav import transcode

    v = filmed(1.0)
    path = written(tmp_path / "in.mkv", v)
    common = {"preset": "fast", "transfer": "linear", "codec": "ffv1", "max_memory": "1GiB"}
    auto = transcode(path, tmp_path / "auto.mkv", 2, **common)
    assert auto.shutter == pytest.approx(1.0, abs=0.1)
    assert auto.shutter_from.startswith("estimated from 1 place, confidence")
    given = transcode(path, tmp_path / "given.mkv", 2, shutter=auto.shutter, **common)
    assert given.shutter_from == "given"
    assert (tmp_path / "auto.mkv").read_bytes()[-2000:] == (tmp_path / "given.mkv").read_bytes()[-2000:]
    still = transcode(written(tmp_path / "still.mkv", v[:1].expand(4, -1, -1, -1)), tmp_path / "out.mkv", 2, **common)
    assert (still.shutter, still.shutter_from) == (0.5, "assumed: nothing moves enough")


def test_hosts_estimate_from_the_chunk_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import vapoursynth as vs

    from tests.support.vapoursynth import clip_of, record_engine
    from vsdeblur import deblur

    v = filmed(1.0)
    record = record_engine(monkeypatch)

    def drawn(n: int) -> list[np.ndarray]:
        return [np.ascontiguousarray(plane) for plane in planes(v)[n].transpose(2, 0, 1)]

    clip = clip_of(vs.RGB24, v.shape[3], v.shape[2], len(v), drawn, {"_Transfer": 8, "_Range": 1})
    list(deblur(clip, 1).frames(close=True))
    window = record.windows[0]
    assert window.shutters is not None
    assert window.shutters[0] == pytest.approx(1.0, abs=0.1)
    assert record.instants[0][0] == pytest.approx(window.shutters[0] / 2)
    assert estimate_shutter(clip, "linear").shutter == pytest.approx(1.0, abs=0.1)


def laplacian(frames: Tensor) -> float:
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    return float(torch.nn.functional.conv2d(frames.mean(1, keepdim=True), kernel).square().mean())


def test_hardly_blurred_frames_are_not_sharpened() -> None:
    v = filmed(0.02)
    for shutter in (0.02, 0.15):
        u = restore(v, 4, shutter, preset="fast")
        assert laplacian(u[4:16]) < 1.1 * laplacian(v[1:4])


# Telemetry


SAMPLES = [{}, {"Exposure": {"Data": [0.01, 0.02]}}, {"Exposure": {"Data": [0.03, 0.0]}}, {"Gyroscope": {}}]


def test_exposures_lie_where_their_block_lies() -> None:
    from vsdeblur.filters.pyav.inspect.telemetry import from_samples

    found = from_samples("a camera", SAMPLES, 10.0)
    assert found is not None
    assert found.values == (0.01, 0.02, 0.03)
    assert found.times == pytest.approx((0.15, 0.25, 0.3))
    assert [found.at(t) for t in (-5.0, 0.16, 0.24, 0.3, 9.0)] == [0.01, 0.01, 0.02, 0.03, 0.03]
    assert found.part(0.1) == pytest.approx(0.2)
    assert found.part(0.01) == 1.0
    assert from_samples("a camera", [{}, {"Exposure": {"Data": "1/60"}}], 10.0) is None


def test_telemetry_comes_first_and_frame_by_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vsdeblur.engine.engine import Engine
    from vsdeblur.filters.pyav import transcode
    from vsdeblur.filters.pyav.inspect import shutter as _shutter
    from vsdeblur.filters.pyav.inspect.telemetry import Exposures

    seen: list[Window] = []
    real = Engine.restore
    monkeypatch.setattr(Engine, "restore", lambda self, w, *a, **k: seen.append(w) or real(self, w, *a, **k))
    told = Exposures("a camera", (0.0, 0.1), (0.003, 0.015))
    monkeypatch.setattr(_shutter, "read_exposures", lambda path, rate: told)
    path = written(tmp_path / "in.mkv", filmed(1.0)[:, :, :48, :64])
    common = {"preset": "fast", "max_memory": "1GiB", "codec": "ffv1"}
    done = transcode(path, tmp_path / "out.mkv", 2, **common)
    assert seen[0].shutters == pytest.approx((0.09, 0.09, 0.45, 0.45, 0.45), abs=0.01)
    assert done.shutter_from == "by telemetry of a camera: 3 to 15 ms"
    assert done.shutter == pytest.approx(0.27, abs=0.01)
    transcode(path, tmp_path / "given.mkv", 2, shutter=0.5, **common)
    assert seen[-1].shutters is None


def test_telemetry_is_asked_for_in_vain(tmp_path: Path) -> None:
    from vsdeblur.filters.pyav import deblur_frames, transcode

    path = written(tmp_path / "in.mkv", filmed(1.0)[:, :, :48, :64])
    with pytest.raises(ArgumentError, match="carries its exposure times"):
        transcode(path, tmp_path / "out.mkv", shutter="telemetry")
    with pytest.raises(ArgumentError, match="transcoded or inspected"):
        deblur_frames([], shutter="telemetry")
    with pytest.raises(ArgumentError, match="transcoded or inspected"):
        restore(filmed(1.0), shutter="telemetry")
