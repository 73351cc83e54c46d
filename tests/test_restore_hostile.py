"""``restore`` against whatever it may be called with: a right result or one clear line, never anything else."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vsdeblur import restore
from vsdeblur.errors import ArgumentError, DeblurError

DTYPES = {
    "float16": (np.float16, torch.float16),
    "float32": (np.float32, torch.float32),
    "float64": (np.float64, torch.float64),
}
FEW = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
HALF_A_CODE = 1 / 255 / 2


def clip(frames: int, channels: int, height: int, width: int, kind: str = "moving", seed: int = 0) -> Any:
    """(frames, C, H, W) float64 of a smooth texture: still, panning, or of noise."""
    rng = np.random.default_rng(seed)
    if kind == "noise":
        return rng.random((frames, channels, height, width))
    y, x = np.mgrid[:height, :width]
    speed = 0.0 if kind == "still" else 1.5
    phase = rng.random((channels, 1, 1)) * 6
    return np.stack([0.5 + 0.4 * np.sin((x - speed * n) / 3 + phase) * np.cos(y / 4) for n in range(frames)])


def of_kind(v: Any, kind: str, dtype: str) -> Any:
    array, tensor = DTYPES[dtype]
    return v.astype(array) if kind == "array" else torch.from_numpy(v).to(tensor)


def assert_like(u: Any, v: Any, factor: Fraction) -> None:
    assert type(u) is type(v)
    assert u.dtype == v.dtype
    assert tuple(u.shape) == (int(len(v) * factor), *v.shape[1:])
    if isinstance(v, torch.Tensor):
        assert u.device == v.device
        assert not u.requires_grad
        assert torch.isfinite(u).all()
    else:
        assert np.isfinite(u).all()


@FEW
@given(
    kind=st.sampled_from(["array", "tensor"]),
    dtype=st.sampled_from(list(DTYPES)),
    content=st.sampled_from(["still", "moving", "noise"]),
    frames=st.integers(1, 4),
    channels=st.sampled_from([1, 3]),
    size=st.sampled_from([(16, 16), (17, 23), (16, 61), (47, 16), (33, 32)]),
    factor=st.sampled_from([1, 2, 3, "5/2", 1.5, Fraction(4, 3)]),
    shutter=st.sampled_from([1.0, 0.5, 0.05, "180deg", None]),
    preset=st.sampled_from(["fast", "balanced", "best"]),
    transfer=st.sampled_from(["linear", "bt709", "srgb", "gamma2.2", "pq", "hlg"]),
    quadrature=st.sampled_from(["integral", "taps"]),
    scene_cuts=st.sampled_from([True, False, "props", [1], [0, 2, 99]]),
)
def test_good_arguments_give_finite_frames_of_the_inputs_kind(
    kind: str,
    dtype: str,
    content: str,
    frames: int,
    channels: int,
    size: tuple[int, int],
    factor: Any,
    shutter: Any,
    preset: str,
    transfer: str,
    quadrature: str,
    scene_cuts: Any,
) -> None:
    v = of_kind(clip(frames, channels, *size, kind=content), kind, dtype)
    before = v.copy() if kind == "array" else v.clone()
    u = restore(
        v,
        factor,
        shutter=shutter,
        transfer=transfer,
        preset=preset,
        quadrature=quadrature,
        scene_cuts=scene_cuts,
        device="cpu",
    )
    assert_like(u, v, Fraction(factor))
    assert (v == before).all()  # the caller's frames are left alone


@FEW
@given(
    frames=st.integers(1, 4),
    channels=st.sampled_from([1, 3]),
    factor=st.sampled_from([1, 2, 4]),
    shutter=st.sampled_from([1.0, 0.5]),
    transfer=st.sampled_from(["linear", "srgb"]),
    top=st.sampled_from([1.0, 2.5]),
)
def test_identical_frames_come_back_as_they_are(
    frames: int, channels: int, factor: int, shutter: float, transfer: str, top: float
) -> None:
    still = clip(1, channels, 25, 34, "still") * top  # values above 1 survive as well
    v = torch.from_numpy(np.repeat(still, frames, 0)).float()
    u = restore(v, factor, shutter=shutter, transfer=transfer)
    assert (u - v[:1]).abs().max() <= HALF_A_CODE * top


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0, 3.0, -0.05])
@pytest.mark.parametrize("dtype", list(DTYPES))
def test_a_constant_colour_stays(value: float, dtype: str) -> None:
    v = torch.full((3, 3, 16, 20), value, dtype=DTYPES[dtype][1])
    u = restore(v, 2)
    assert (u - v[0]).abs().max() <= HALF_A_CODE


def test_a_highlight_that_moves_is_not_clipped() -> None:
    v = torch.from_numpy(clip(3, 1, 32, 32, "moving") * 4).float()
    assert restore(v, 2).max() > 0.8 * v.max()


def test_a_tensor_that_asks_for_gradients_or_lies_oddly_in_memory_is_taken() -> None:
    v = torch.from_numpy(clip(2, 3, 16, 24)).float()
    plain = restore(v)
    assert torch.equal(restore(v.clone().requires_grad_()), plain)
    assert torch.equal(restore(v.to(memory_format=torch.channels_last)), plain)
    array = np.asfortranarray(v.numpy())
    assert np.array_equal(restore(array), plain.numpy())
    assert np.array_equal(restore(array[:, :, ::-1]), restore(np.ascontiguousarray(array[:, :, ::-1])))
    array = v.numpy().copy()
    array.setflags(write=False)
    assert np.array_equal(restore(array), plain.numpy())


def test_the_same_call_gives_the_same_bytes() -> None:
    v = torch.from_numpy(clip(4, 3, 24, 24)).float()
    assert torch.equal(restore(v, 3), restore(v, 3))


def good() -> torch.Tensor:
    return torch.from_numpy(clip(2, 3, 16, 16)).float()


def spoilt(value: float) -> torch.Tensor:
    v = good()
    v[1, 2, 3, 4] = value
    return v


BAD_CLIPS: dict[str, Callable[[], Any]] = {
    "nan": lambda: spoilt(float("nan")),
    "inf": lambda: spoilt(float("inf")),
    "-inf": lambda: spoilt(-float("inf")).numpy(),
    "3 dimensions": lambda: good()[0],
    "5 dimensions": lambda: good()[None],
    "0 dimensions": lambda: torch.tensor(0.5),
    "2 channels": lambda: good()[:, :2],
    "4 channels": lambda: torch.cat([good(), good()[:, :1]], 1),
    "no channels": lambda: good()[:, :0],
    "channels last": lambda: good().permute(0, 2, 3, 1),
    "no frames": lambda: good()[:0],
    "no rows": lambda: good()[:, :, :0],
    "integers": lambda: (good() * 255).byte(),
    "integer array": lambda: (good() * 255).int().numpy(),
    "booleans": lambda: good() > 0.5,
    "complex": lambda: good().to(torch.complex64),
    "objects": lambda: np.array([[[["a"]]]], dtype=object),
    "strings": lambda: np.full((2, 3, 16, 16), "0.5"),
    "a list": lambda: good().tolist(),
    "None": lambda: None,
    "text": lambda: "clip.mp4",
    "a number": lambda: 1.0,
    "big-endian": lambda: good().numpy().astype(">f4"),
    "sparse": lambda: good().to_sparse(),
    "meta": lambda: good().to("meta"),
}


@pytest.mark.parametrize("kind", list(BAD_CLIPS))
def test_a_bad_clip_is_one_clear_line(kind: str) -> None:
    with pytest.raises(DeblurError) as caught:
        restore(BAD_CLIPS[kind]())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("size", [(1, 1), (1, 64), (8, 8), (15, 40), (40, 15), (16, 16), (16, 300)])
@pytest.mark.parametrize("content", ["still", "noise"])
def test_pictures_from_16x16_are_restored_and_smaller_ones_refused(size: tuple[int, int], content: str) -> None:
    v = torch.from_numpy(clip(3, 3, *size, kind=content)).float()
    if min(size) < 16:
        with pytest.raises(DeblurError, match="16x16"):
            restore(v, 2)
    else:
        assert_like(restore(v, 2), v, Fraction(2))


BAD_ARGUMENTS: list[dict[str, Any]] = [
    *({"factor": x} for x in (0, -1, 0.5, 17, "0/0", "x", "", None, float("nan"), float("inf"), True, [2], 1j)),
    *({"shutter": x} for x in (0, -0.5, 1.01, "400deg", "1/60s", "x", "", float("nan"), True, [1])),
    *({"transfer": x} for x in ("", "log", "BT709", 3, b"srgb", ["srgb"])),
    *({"preset": x} for x in ("", "Fast", "slow", None, 1, ["fast"])),
    *({"quadrature": x} for x in ("", "sum", None, 2)),
    *({"flow": x} for x in ("", "nope", "raft", "ptlflow:raft", "raft:/no/such/file", "blur:", "paths:", 3, [1], {})),
    *({"prior": x} for x in ("", "nope", 3, [1], {})),
    *({"scene_cuts": x} for x in ("yes", [-1], [0.5], ["1"], None, 3, 2.0, b"props")),
    *({"device": x} for x in ("", "gpu", "cuda:x", "cuda:99", 0, ["cpu"])),
    *({"max_memory": x} for x in (0, -1, "x", "4 apples", "", 1.5, "0", True, [1], 1, "1k")),
]


@pytest.mark.parametrize("arguments", BAD_ARGUMENTS, ids=str)
def test_an_impossible_argument_is_named_in_one_line(arguments: dict[str, Any]) -> None:
    (name,) = arguments
    with pytest.raises(DeblurError) as caught:
        restore(good(), **arguments)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_argument_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="sharpness"):
        restore(good(), sharpness=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", ["array", "tensor"])
@pytest.mark.parametrize("dtype", list(DTYPES))
@pytest.mark.parametrize("quadrature", ["integral", "taps"])
def test_a_given_flow_is_taken(kind: str, dtype: str, quadrature: str) -> None:
    v = of_kind(clip(3, 3, 16, 20), kind, dtype)
    flow = torch.zeros(11, 2, 16, 20)
    flow[:, 0] = 1.5 / 4
    assert_like(restore(v, 4, flow=flow, quadrature=quadrature), v, Fraction(4))


@pytest.mark.parametrize(
    "shape",
    [
        (10, 2, 16, 16),
        (12, 2, 16, 16),
        (11, 3, 16, 16),
        (11, 2, 16, 15),
        (11, 2, 8, 8),
        (2, 16, 16),
        (0,),
        (1, 2, 16, 16),
    ],
)
def test_a_given_flow_of_the_wrong_shape_is_refused(shape: tuple[int, ...]) -> None:
    v = torch.from_numpy(clip(3, 3, 16, 16)).float()
    with pytest.raises(ArgumentError, match="flow"):
        restore(v, 4, flow=torch.zeros(shape))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_a_given_flow_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(DeblurError, match="flow"):
        restore(good(), 2, flow=torch.full((3, 2, 16, 16), value))


def test_a_given_flow_far_out_of_the_picture_does_no_harm() -> None:
    v = good()
    assert_like(restore(v, 2, flow=torch.full((3, 2, 16, 16), 1e4)), v, Fraction(2))


def test_a_callable_flow_is_asked_in_display_values() -> None:
    seen = []

    def still(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        seen.append((a, b))
        return torch.zeros(2, *a.shape[-2:])

    v = good()
    assert_like(restore(v, 2, flow=still, scene_cuts=False), v, Fraction(2))
    assert seen
    for picture in (x for pair in seen for x in pair):
        assert picture.ndim == 3
        assert picture.shape[0] in (1, 3)
        assert picture.dtype == torch.float32
        assert picture.min() >= 0
        assert picture.max() <= 1


@pytest.mark.parametrize(
    "answer",
    [
        lambda a, b: None,
        lambda a, b: torch.zeros(3, *a.shape[-2:]),
        lambda a, b: torch.zeros(2, 5, 5),
        *(lambda a, b, value=value: torch.full((2, *a.shape[-2:]), value) for value in (math.nan, math.inf, 1e30)),
    ],
    ids=["nothing", "three channels", "another size", "nan", "inf", "huge"],
)
def test_a_callable_flow_that_answers_nonsense_is_named(answer: Callable[..., Any]) -> None:
    with pytest.raises(DeblurError, match="flow"):
        restore(good(), 2, flow=answer, scene_cuts=False)
