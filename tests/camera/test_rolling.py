"""Rolling shutter: rows exposed one after the other, restored as if all at once."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.pyav import write_clip
from vsdeblur import restore
from vsdeblur.camera.exposure import Exposure
from vsdeblur.camera.rolling import row_delays
from vsdeblur.engine.engine import Engine
from vsdeblur.errors import ArgumentError
from vsdeblur.restore import _by_windows
from vsdeblur.settings import checked, parse_options
from vsdeblur.synthetic.scene import Scene
from vsdeblur.timing import instant
from vsdeblur.window import Window

READOUT, SHUTTER, FINE, PERIODS, FACTOR = 0.7, 0.5, 16, 4, 4


@cache
def scene(down: bool = False) -> Tensor:
    """The scene at FINE instants a period; its ground moves by 6 pixels a period along the rows, or the columns."""
    drawn = Scene(96, 200)
    light = np.stack([drawn.at((k + 0.5) / FINE) for k in range((PERIODS + 1) * FINE)])
    film = torch.from_numpy(light).permute(0, 3, 1, 2)
    return (film.mT if down else film).contiguous()


def filmed(down: bool = False) -> Tensor:
    film = scene(down)
    delays = row_delays(film.shape[-2], READOUT)
    return Exposure.build(PERIODS, FINE, SHUTTER, delays, instants=len(film))(film)


def psnr(u: Tensor, down: bool = False) -> float:
    """Of the middle periods against what a global shutter sees at the instants of FACTOR."""
    step = FINE // FACTOR
    truth = scene(down)[: PERIODS * FINE].unflatten(0, (-1, step))[:, step // 2 - 1 : step // 2 + 1].mean(1)
    inner = slice(FACTOR, -FACTOR)
    return float(-10 * (u[inner] - truth[inner]).square().mean().log10())


@pytest.mark.parametrize("down", [False, True])
def test_the_right_readout_is_worth_far_more_than_ignoring_it(down: bool) -> None:
    v = filmed(down)
    ignored, told = (
        psnr(restore(v, FACTOR, SHUTTER, preset="fast", flow="dis", readout=readout), down) for readout in (0, READOUT)
    )
    assert told > ignored + 5  # 3 is the bar
    assert told > 21.5


def test_true_motion_takes_it_too() -> None:
    """Ground that glides along the rows: every column of pixels leans, and stands upright again."""
    steps = 8
    shift = torch.arange((PERIODS + 1) * steps) * (6.0 / steps)
    x = torch.arange(64.0)
    light = (0.5 + 0.3 * torch.sin((x - shift[:, None]) * 0.5))[:, None, None].expand(-1, 1, 48, -1)
    v = Exposure.build(PERIODS, steps, SHUTTER, row_delays(48, READOUT), instants=len(light))(light)
    flow = torch.zeros(PERIODS * steps - 1, 2, 48, 64)
    flow[:, 0] = 6.0 / steps
    wrong, right = (
        float((restore(v, steps, SHUTTER, flow=flow, readout=r) - light[: PERIODS * steps])[8:-8].square().mean())
        for r in (0, READOUT)
    )
    assert right < wrong / 20


def test_no_readout_is_the_plain_model_bit_for_bit() -> None:
    v = filmed()[:3]
    plain = restore(v, 2, SHUTTER, preset="fast", flow="dis")
    assert torch.equal(restore(v, 2, SHUTTER, preset="fast", flow="dis", readout="0"), plain)


def test_a_readout_that_is_next_to_nothing_changes_next_to_nothing() -> None:
    """The way by rows, each with its own instant, is the same way."""
    v = filmed()[:3]
    plain, rolling = (restore(v, 2, SHUTTER, preset="fast", flow="dis", readout=r) for r in (0, 1e-6))
    assert (plain - rolling).abs().max() < 2e-3


def test_chunks_meet_without_a_seam() -> None:
    """The last rows of a chunk's first instants are seen by exposures of the chunk before."""
    v = filmed()
    options = parse_options(factor=2, shutter=SHUTTER, transfer="linear", preset="fast", flow="dis", readout=READOUT)
    whole = _by_windows(v, options, None)
    engine = Engine(options, *v.shape[-2:])
    assert engine.plan.halo == 3
    window = Window(v, 0, 2, 1)  # one frame; all others are halo
    alone = list(engine.restore(window, [2.25, 2.75]))
    assert all((a - b).abs().max() < 1e-5 for a, b in zip(alone, whole[4:6], strict=True))


def test_a_cut_is_kept_and_rows_do_not_mix_scenes() -> None:
    """Rows of the first instants after a cut were not exposed before it."""
    dark, light = torch.full((2, 3, 32, 48), 0.1), torch.full((2, 3, 32, 48), 0.9)
    u = restore(torch.cat((dark, light)), 4, SHUTTER, preset="fast", scene_cuts=[2], readout=0.9)
    assert (u[:8] - 0.1).abs().max() < 1e-3
    assert (u[8:] - 0.9).abs().max() < 1e-3


def test_the_middle_row_tells_the_instant_of_factor_1() -> None:
    assert instant(3, Fraction(1), 0.5, 0.25) == 3.375
    assert instant(3, Fraction(1), 0.5) == 3.25
    assert instant(3, Fraction(2), 0.5, 0.25) == instant(3, Fraction(2), 0.5) == 1.75


def test_rows_of_averaged_clips_open_with_a_sub_frame() -> None:
    assert row_delays(4, 0.5).tolist() == [0, 0.125, 0.25, 0.375]
    assert row_delays(4, 0.5, steps=4).tolist() == [0, 0, 0.25, 0.25]


def test_every_way_to_say_it_and_what_is_refused() -> None:
    for said, meant in ((0, 0.0), ("0", 0.0), ("0.25", 0.25), ("10ms", 0.5), ("1/100s", 0.5)):
        assert checked("readout", said, Fraction(50)) == pytest.approx(meant)
    for wrong in (-0.1, 1, "30ms", "180deg", "auto", "telemetry", None, True, float("nan"), ""):
        with pytest.raises(ArgumentError, match="readout"):
            checked("readout", wrong, Fraction(50))
    with pytest.raises(ArgumentError, match="without a frame rate"):
        checked("readout", "16ms", None)


def test_every_face_has_it() -> None:
    import inspect

    from vsdeblur import deblur
    from vsdeblur.cli.transcode import transcode as command
    from vsdeblur.filters.pyav import transcode

    for face in (deblur, restore, transcode):
        assert inspect.signature(face).parameters["readout"].default == 0
    assert "readout" in [option.name for option in command.params]


def test_files_are_restored_with_it_and_telemetry_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vsdeblur.filters.pyav import transcode
    from vsdeblur.filters.pyav.inspect import telemetry as _telemetry

    path = write_clip(tmp_path / "in.mkv", 4)
    common = {"shutter": 0.5, "preset": "fast", "flow": "dis"}
    with pytest.raises(ArgumentError, match="readout"):
        transcode(path, tmp_path / "none.y4m", readout="telemetry", **common)
    said = [{"Exposure": {"Data": [0.01]}}, {"Default": {"0x53524f54": 20.0}}]
    assert _telemetry.readout_from(said) == 0.02
    assert _telemetry.readout_from(said[:1]) is None
    monkeypatch.setattr(_telemetry, "installed", lambda: True)
    monkeypatch.setattr(_telemetry, "_read", lambda path: ("a camera", said))
    monkeypatch.setattr(_telemetry, "_read_gyro", lambda path: ())
    for name, readout in (("by", "telemetry"), ("given", "20ms"), ("off", 0)):
        transcode(path, tmp_path / f"{name}.y4m", readout=readout, **common)
    written = {name: (tmp_path / f"{name}.y4m").read_bytes() for name in ("by", "given", "off")}
    assert written["by"] == written["given"] != written["off"]


def test_a_vapoursynth_clip_of_varying_rate_is_read_out_in_constant_time() -> None:
    """Also across frames of different lengths; the same frames alone or in order."""
    import vapoursynth as vs

    from tests.support.vapoursynth import digest, vfr
    from vsdeblur import deblur

    clip = vfr([(1, 30), (1, 30), (1, 15), (1, 30), (1, 30), (1, 60), (1, 30), (1, 30)])
    assert isinstance(clip, vs.VideoNode)
    common = {"shutter": 0.5, "preset": "fast", "max_memory": "256MiB"}
    rolling, plain = (deblur(clip, 2, readout=r, **common) for r in (0.6, 0))
    in_order = [digest(frame) for frame in rolling.frames(close=True)]
    assert in_order != [digest(frame) for frame in plain.frames(close=True)]
    again = deblur(clip, 2, readout=0.6, **common)
    assert [digest(again.get_frame(n)) for n in (9, 2, 15)] == [in_order[n] for n in (9, 2, 15)]
