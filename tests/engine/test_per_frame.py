"""Frames restored by themselves (mode="frame" and "auto"), with a stand-in for the per-frame restoration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
import vapoursynth as vs
from click.testing import CliRunner
from torch import Tensor

from tests.support.pyav import frames as av_frames
from tests.support.vapoursynth import clip_of, noise
from vsdeblur import deblur, restore
from vsdeblur.blind import frame as frames
from vsdeblur.blind.operators.pixelwise import PixelwiseBlur
from vsdeblur.blind.operators.uniform import UniformBlur
from vsdeblur.cli import main
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.per_frame import RELIABLE, UNRELIABLE, PerFrame, per_frame_weight
from vsdeblur.engine.plan import make_plan
from vsdeblur.engine.retry import MemoryRetry
from vsdeblur.errors import ArgumentError, MemoryBudgetError
from vsdeblur.filters.pyav import deblur_frames
from vsdeblur.flow.motion import Motion
from vsdeblur.settings import parse_options
from vsdeblur.synthetic.scene import Scene, film
from vsdeblur.window import Window

H, W, N = 32, 48, 5


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A restoration that turns values round, in place of the real one; what it was called with."""
    seen: list[dict[str, Any]] = []

    def inverted(picture: Tensor, *, estimator: Callable[..., Any] | None = None, **given: Any) -> tuple[Tensor, Any]:
        seen.append({"picture": picture.clone(), "estimator": estimator, **given})
        delta = torch.ones(1, 1, 1, 1)
        return 1 - picture, PixelwiseBlur(delta, torch.ones(1, 1, *picture.shape[-2:]))

    monkeypatch.setattr(frames, "restore_frame", inverted)
    return seen


@pytest.fixture(scope="module")
def blurry() -> Tensor:
    """(N, 3, H, W): objects that pass over a panning ground."""
    filmed = film(Scene(H, W), N, 8, 1.0, lambda light: light)[1]
    return torch.from_numpy(filmed).permute(0, 3, 1, 2).float() / 255


def options(**given: Any) -> Any:
    return parse_options(**{"shutter": 0.5, "transfer": "linear", "device": "cpu", "preset": "fast", **given})


def close(a: Tensor, b: Tensor, atol: float = 1e-5) -> bool:
    return bool(torch.allclose(a, b, atol=atol))


# mode="frame"


def test_every_frame_is_restored_by_itself(blurry: Tensor, calls: list[dict[str, Any]]) -> None:
    u = restore(blurry, mode="frame", device="cpu")
    assert torch.equal(u, 1 - blurry)
    assert len(calls) == N
    assert restore(blurry[2:3], mode="frame").equal(u[2:3])


def test_frames_are_restored_by_the_deconvolver_that_is_named(blurry: Tensor, calls: list[dict[str, Any]]) -> None:
    restore(blurry[:2], mode="frame", device="cpu", deconvolver="dds")
    restore(blurry[:1], mode="frame", device="cpu", prior="tv")
    by = [(one["deconvolver"], one["prior"]) for one in calls]
    assert by == [("dds", None), ("dds", None), ("plug-and-play", "tv")]


def test_the_blur_is_found_by_the_estimator_that_is_named(blurry: Tensor, calls: list[dict[str, Any]]) -> None:
    restore(blurry[:1], mode="frame", device="cpu", estimator="blind-dps")
    restore(blurry[:1], mode="frame", device="cpu")
    assert [one["estimator"] for one in calls] == ["blind-dps", "path"]


def test_nothing_is_asked_of_neighbours(calls: list[dict[str, Any]]) -> None:
    engine = Engine(options(mode="frame"), H, W)
    assert (engine.plan.chunk, engine.plan.halo) == (1, 0)
    for more in ({"factor": 2}, {"out_shutter": 0.5}, {"readout": 0.3}):
        assert Engine(options(mode="frame", **more), H, W).plan.halo >= 2


def test_light_is_shown_as_a_display_shows_it(blurry: Tensor, calls: list[dict[str, Any]]) -> None:
    u = restore(blurry, mode="frame", transfer="srgb", max_memory="1GiB", prior="tv")
    shown = from_linear(to_linear(blurry, "srgb"), calls[0]["transfer"])
    assert close(calls[0]["picture"], shown[0])
    wanted = from_linear(to_linear(1 - shown, calls[0]["transfer"]), "srgb")
    assert close(u, wanted, 1e-4)
    assert calls[0]["prior"] == "tv"
    assert 0 < calls[0]["max_memory"] < 2**30
    restore(blurry, mode="frame", transfer="linear")
    assert calls[-1]["transfer"] == "linear"


def test_with_a_higher_rate_the_motion_places_the_restored_frames(blurry: Tensor, calls: list[dict[str, Any]]) -> None:
    still = blurry[:1].expand(4, -1, -1, -1)
    assert close(restore(still, 2, shutter=0.5, mode="frame"), 1 - still.repeat_interleave(2, 0), 1e-4)
    moving = restore(blurry, 4, shutter=1.0, mode="frame", preset="fast")
    joint = restore(1 - blurry, 4, shutter=1.0, preset="fast")
    assert moving.shape == joint.shape
    inner = slice(4, -4)
    assert (moving[inner] - joint[inner]).abs().mean() < 0.05


# mode="auto"


def motion(reliability: Tensor | float, count: int = 3) -> Motion:
    """Two pixels a period to the right, everywhere."""
    path = torch.zeros(count, 4, H, W)
    path[:, 0] = 2
    trust = torch.as_tensor(reliability).expand(count, 1, H, W).clone()
    seen = torch.ones(count, 2, H, W)
    seen[0, 1] = seen[-1, 0] = 0
    return Motion(path, trust, seen)


def rendered(mode: str, v: Tensor, trust: Tensor | float, instants: tuple[float, ...] = (1.25, 1.5)) -> Tensor:
    engine = Engine(options(mode=mode, factor=4), v.shape[-2], v.shape[-1], v.shape[1])
    window = Window(v, 0, 1, 1, min(v.shape[1], 3))
    return torch.stack(list(engine.restore(window, instants, motion=motion(trust, len(v)))))


def test_without_doubt_nothing_changes_and_nothing_is_spent(blurry: Tensor, calls: list[dict[str, Any]]) -> None:
    assert rendered("auto", blurry[:3], RELIABLE).equal(rendered("joint", blurry[:3], RELIABLE))
    assert not calls


def test_joint_never_looks_at_frames_alone(blurry: Tensor, calls: list[dict[str, Any]]) -> None:
    assert restore(blurry, 2, preset="fast").equal(restore(blurry, 2, preset="fast", mode="joint"))
    rendered("joint", blurry[:3], 0.0)
    assert not calls


def test_without_trust_frames_are_restored_alone(blurry: Tensor, calls: list[dict[str, Any]]) -> None:
    at_middle = rendered("auto", blurry[:3], 0.0, (1.25,))[0]  # of the exposure of frame 1: the key frame as it is
    assert close(at_middle, 1 - blurry[1], 1e-4)
    assert close(at_middle, rendered("frame", blurry[:3], 0.0, (1.25,))[0], 1e-4)


def test_in_space_one_becomes_the_other_smoothly(blurry: Tensor, calls: list[dict[str, Any]]) -> None:
    trust = (UNRELIABLE + (RELIABLE - UNRELIABLE) * torch.linspace(-0.5, 1.5, W)).clamp(0, 1).expand(1, 1, H, W)
    mixed, joint = (rendered(mode, blurry[:3], trust, (1.25,))[0] for mode in ("auto", "joint"))
    own = 1 - blurry[1]
    left, right = slice(0, 8), slice(-8, None)  # far enough from what was put in for the paths not to reach it
    assert close(mixed[..., left], own[..., left], 1e-3)
    assert close(mixed[..., right], joint[..., right], 0.05)  # the noise of a frame is one number
    share = ((mixed - joint) / (own - joint)).mean((0, 1))
    assert (share.diff() < 0.15).all()


def test_the_share_is_smooth() -> None:
    reliability = torch.linspace(0, 2 * RELIABLE, 101).view(1, 1, 1, -1)
    lost = torch.zeros(1, 1, 2, 101)
    share = per_frame_weight(torch.cat((reliability, lost), 2))[0, 0, 0]
    assert share[0] == 1
    assert bool((share[50:] == 0).all())
    assert (share.diff() <= 0).all()
    assert share.diff().abs().max() < 0.05


def test_a_few_lost_places_are_left_to_the_neighbours() -> None:
    lost = torch.ones(2, 1, 10, 10)
    lost[0, :, :2] = 0
    lost[1, :, :4] = 0
    assert not bool(per_frame_weight(lost)[0].any())
    assert torch.equal(per_frame_weight(lost)[1], 1 - lost[1])


def test_a_frame_without_neighbours_is_restored_alone(blurry: Tensor, calls: list[dict[str, Any]]) -> None:
    assert close(restore(blurry[:1], mode="auto", preset="fast"), 1 - blurry[:1])
    cut = torch.cat((blurry[:1], blurry[2:3].flip(-1) ** 2, blurry[1:2]))
    u = restore(cut, mode="auto", preset="fast", scene_cuts=[1, 2])
    assert close(u, 1 - cut)


def test_the_input_is_left_as_it_was(blurry: Tensor, calls: list[dict[str, Any]]) -> None:
    v = blurry[:3].clone()
    for mode in ("auto", "frame"):
        rendered(mode, v, 0.0)
    assert v.equal(blurry[:3])


def test_alpha_follows_the_blur_of_its_frame(blurry: Tensor, calls: list[dict[str, Any]]) -> None:
    v = torch.cat((blurry[:3], 0.25 + 0.5 * blurry[:3, :1]), 1)
    u = rendered("auto", v, 0.0, (1.25,))[0]
    assert close(u, 1 - v[1], 1e-4)
    colour, alpha = calls[0], calls[1]
    assert (colour["picture"].shape[0], alpha["picture"].shape[0]) == (3, 1)
    assert isinstance(alpha["estimator"](alpha["picture"]), PixelwiseBlur)
    calls.clear()
    v[:, 3] = 1.0
    assert close(rendered("auto", v, 0.0, (1.25,))[0][3], v[1, 3])
    assert {call["picture"].shape[0] for call in calls} == {3}


def test_a_few_pixels_stay(calls: list[dict[str, Any]]) -> None:
    tiny = torch.rand(1, 3, 8, 30)
    engine = Engine(options(mode="frame"), 8, 30)
    assert next(iter(engine.restore(Window(tiny, 0, 0, 1), [0.25]))).equal(tiny[0])


# Memory, arguments


@pytest.mark.parametrize("given", [{"mode": "auto"}, {"mode": "frame"}, {"mode": "frame", "factor": 2}])
def test_the_plan_counts_what_a_frame_alone_takes(given: dict[str, Any]) -> None:
    size = (1080, 1920, 3, 2**22)
    plan = make_plan(options(max_memory="4GiB", **given), *size)
    assert plan.peak_bytes <= 2**32
    assert plan.per_frame_bytes > 2**28
    with pytest.raises(MemoryBudgetError, match=r"at least (\d+)MiB") as refused:
        make_plan(options(max_memory="100MiB", **given), *size)
    least = str(refused.value).split("at least ")[1].split("MiB")[0]
    small = make_plan(options(max_memory=f"{least}MiB", **given), *size)
    assert small.peak_bytes <= int(least) * 2**20
    assert 2**25 <= small.per_frame_bytes < plan.per_frame_bytes
    assert make_plan(options(max_memory="4GiB"), *size).per_frame_bytes == 0


@pytest.mark.parametrize("size", [(270, 480), (1080, 1920), (2160, 3840)])
def test_what_is_planned_is_enough_for_a_frame(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The real restoration takes a frame of that size with the bytes that the plan leaves it."""
    none = UniformBlur(torch.ones(1, 1), size)
    monkeypatch.setattr("vsdeblur.blind.frame.estimator_of", lambda *_: lambda _: none)
    retry = MemoryRetry(torch.device("cpu"), 128)
    for given in ({}, {"max_memory": "8GiB"}):
        plan = make_plan(options(mode="frame", **given), *size, 3, 0, 16 << 30)
        frame = torch.full((3, *size), 0.5)
        per_frame = PerFrame.of(options(mode="frame"), plan.per_frame_bytes, retry)
        assert per_frame is not None
        assert close(per_frame(frame, 3), frame)


def test_wrong_modes() -> None:
    v = torch.rand(2, 3, H, W)
    with pytest.raises(ArgumentError, match="mode must be one of joint, frame, auto, not 'both'"):
        restore(v, mode="both")
    with pytest.raises(ArgumentError, match='solver must be left out with mode="frame"'):
        restore(v, mode="frame", solver="keyframes")
    with pytest.raises(ArgumentError, match="mode must be"):
        restore(v, mode="auto", solver="asap")
    with pytest.raises(ArgumentError, match="mode must be"):
        restore(v, mode="frame", flow=torch.zeros(1, 2, H, W))


# Hosts


def test_vapoursynth_asks_for_the_frame_alone(calls: list[dict[str, Any]]) -> None:
    asked: list[int] = []
    planes = [noise(vs.core.get_video_format(vs.RGB24), W, H, n) for n in range(6)]
    clip = clip_of(vs.RGB24, W, H, 6, lambda n: planes[n], asked=asked)
    out = deblur(clip, mode="frame")
    asked.clear()
    with out.get_frame(3) as frame:
        got = np.stack([np.asarray(frame[p]) for p in range(3)])
        assert "_SceneChangePrev" not in frame.props
    assert asked == [3]
    assert len(calls) == 1
    shown = torch.from_numpy(np.stack(planes[3])).float() / 255
    curve = calls[0]["transfer"]
    wanted = from_linear(to_linear(1 - from_linear(to_linear(shown, "srgb"), curve), curve), "srgb")
    assert np.abs(got - (wanted.clamp(0, 1) * 255).numpy()).max() <= 1


def test_vapoursynth_keeps_the_hosts_cuts_and_the_given_ones(calls: list[dict[str, Any]]) -> None:
    clip = clip_of(vs.GRAY8, W, H, 3, lambda n: [np.full((H, W), 50 * n)], {"_SceneChangePrev": 1})
    assert deblur(clip, mode="frame").get_frame(1).props["_SceneChangePrev"] == 1
    marked = deblur(clip, mode="frame", scene_cuts=[2])
    assert [marked.get_frame(n).props["_SceneChangePrev"] for n in range(3)] == [0, 0, 1]


@pytest.mark.parametrize("mode", ["frame", "auto"])
def test_pyav_hands_the_mode_on(calls: list[dict[str, Any]], mode: str) -> None:
    given: dict[str, Any] = {} if mode == "frame" else {"shutter": 0.5, "preset": "fast"}
    out = list(deblur_frames(av_frames(3), mode=mode, **given))
    assert len(out) == 3
    if mode == "frame":
        assert len(calls) == 3


def test_the_command_hands_the_mode_on(tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    from tests.support.pyav import write_clip

    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    write_clip(source, 3)
    result = CliRunner().invoke(main, ["transcode", str(source), str(target), "--mode", "frame", "--quiet"])
    assert result.exit_code == 0, result.stderr
    assert len(calls) == 3
    with av.open(str(target)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3
