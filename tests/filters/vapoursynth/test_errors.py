"""The VapourSynth filter: what is refused, when, and in which words."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
import vapoursynth as vs

from tests.support.vapoursynth import (
    core,
    count_solves,
    last_line,
    record_engine,
    vfr,
    yuv,
)
from vsdeblur import deblur
from vsdeblur.errors import InputError

torch.set_num_threads(1)


# Errors.


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factor": 17}, "factor must be a number .* from 1 to 16, not 17"),
        ({"factor": "fast"}, "factor must be a number .*, not 'fast'"),
        ({"fps_num": 60}, "fps_den must be given together"),
        ({"fps_num": 10, "fps_den": 1}, "fps_num/fps_den must be from 30 to 480 for this clip, not '10'"),
        ({"shutter": 1.5}, "shutter must be a fraction of the period"),
        ({"transfer": "log"}, "transfer must be None or one of linear"),
        ({"preset": "slow"}, "preset must be one of fast, balanced, best"),
        ({"prior": 3}, 'prior must be "auto", "none", a name or a callable'),
        ({"flow": 3}, "flow must be None, a name or a callable"),
        ({"scene_cuts": "maybe"}, "scene_cuts must be True, False"),
        ({"device": "tpu"}, "device must be"),
        ({"max_memory": "lots"}, "max_memory must be"),
    ],
)
def test_bad_arguments_fail_at_construction(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(vs.Error, match=rf"^deblur: {message}") as error:
        deblur(yuv(), **arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("clip", "message"),
    [
        (core.std.BlankClip(varformat=True), "clip has a variable format or size"),
        (core.std.BlankClip(varsize=True), "clip has a variable format or size"),
        (core.std.BlankAudio(), "clip must be a VideoNode, not AudioNode"),
        ("clip", "clip must be a VideoNode, not str"),
        (core.std.BlankClip(format=vs.GRAY32, length=1), "clip must be 8 to 16 bit integer, half or float, not Gray32"),
    ],
)
def test_clips_that_cannot_be_processed_fail_at_construction(clip: Any, message: str) -> None:
    with pytest.raises(vs.Error, match=rf"^deblur: {message}"):
        deblur(clip, 2)


def test_a_rate_in_seconds_or_frames_needs_a_clip_with_a_rate() -> None:
    clip = vfr([(1, 30)] * 3)
    with pytest.raises(vs.Error, match="deblur: fps_num must be left out for a clip without a frame rate"):
        deblur(clip, fps_num=60, fps_den=1)
    with pytest.raises(vs.Error, match=r"deblur: shutter must be a fraction of the period for a clip without"):
        deblur(clip, shutter="1/60s")


@pytest.mark.parametrize(
    ("props", "message"),
    [
        (
            {"_FieldBased": 1},
            r"deblur: frame 0 is interlaced \(_FieldBased=1\): deinterlace first, with QTGMC or bwdif",
        ),
        ({"_FieldBased": 2}, r"deblur: frame 0 is interlaced \(_FieldBased=2\)"),
        ({"_Matrix": 10}, r"deblur: matrix 10 \(BT.2020 constant luminance\) is not supported for YUV"),
        ({"_Matrix": 0}, r"deblur: matrix 0 \(RGB\) is not supported for YUV"),
        ({"_Transfer": 9}, r"deblur: transfer 9 is not supported: logarithmic: convert"),
    ],
)
def test_faults_that_only_props_show_fail_the_frames(
    monkeypatch: pytest.MonkeyPatch, props: dict[str, int], message: str
) -> None:
    solved = count_solves(monkeypatch)
    out = deblur(yuv(3, props=props), 2)
    for n in (0, 1, 3):
        with pytest.raises(vs.Error) as error:
            out.get_frame(n)
        assert re.search(message, last_line(error))
    assert solved == [0], "one attempt for the chunk, not one a frame"


def test_the_transfer_argument_overrides_a_tag_that_is_not_supported() -> None:
    deblur(yuv(2, props={"_Transfer": 9}), 2, transfer="gamma2.2").get_frame(0)


def test_only_the_chunks_that_see_a_bad_frame_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    record_engine(monkeypatch)  # chunks of 4, halo 2
    out = deblur(yuv(20, props=lambda n: {"_FieldBased": int(n == 9)}), 2)

    def fails(n: int) -> bool:
        try:
            out.get_frame(n).close()
        except vs.Error:
            return True
        return False

    assert [n for n in range(40) if fails(n)] == list(range(8, 24)), "frame 9 is in the windows of chunks 1 and 2"


@pytest.mark.parametrize("error", [InputError("no such luck"), RuntimeError("out of\nluck"), MemoryError()])
def test_errors_of_the_engine_are_one_line_on_the_frame(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    record = record_engine(monkeypatch)
    record.error = error
    with pytest.raises(vs.Error) as caught:
        deblur(yuv(3), 2).get_frame(2)
    line = last_line(caught)
    assert "deblur: " in line
    assert " ".join(str(error).split()) in line
    assert type(error) is InputError or type(error).__name__ in line
