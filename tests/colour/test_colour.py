"""Colour: planes to linear light and back without losing a code value, for every format."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vsdeblur.colour.planes import MATRICES, SITINGS, Colour
from vsdeblur.colour.tags import colour_from_tags
from vsdeblur.colour.transfer import from_linear, to_linear
from vsdeblur.device import torch_threads
from vsdeblur.errors import ArgumentError, DeblurError, InputError
from vsdeblur.settings.transfers import LOGS, TRANSFERS

pytestmark = pytest.mark.quick

torch.set_num_threads(1)

FORMATS = [*((bits, False) for bits in range(8, 17)), (16, True), (32, True)]


def plane_dtype(colour: Colour) -> str:
    if colour.is_float:
        return "float16" if colour.bits == 16 else "float32"
    return "uint8" if colour.bits == 8 else "uint16"


def random_planes(colour: Colour, height: int, width: int, seed: int) -> list[np.ndarray]:
    """Every code value is fair: super-black, super-white and colours that no RGB triple can show."""
    rng = np.random.default_rng(seed)
    shapes = [(height, width)]
    if colour.family == "RGB":
        shapes *= 3
    elif colour.family == "YUV":
        shapes += [(-(-height >> colour.sub_h), -(-width >> colour.sub_w))] * 2
    if colour.is_float:
        return [rng.uniform(-0.5, 1.5, s).astype(plane_dtype(colour)) for s in shapes]
    return [rng.integers(0, 1 << colour.bits, s).astype(plane_dtype(colour)) for s in shapes]


@st.composite
def colours(draw: st.DrawFn) -> Colour:
    family = draw(st.sampled_from(["YUV", "RGB", "GRAY"]))
    bits, is_float = draw(st.sampled_from(FORMATS))
    subsampling = st.integers(0, 3 if family == "YUV" else 0)
    return Colour(
        family,
        bits,
        is_float,
        draw(subsampling),
        draw(subsampling),
        draw(st.sampled_from(MATRICES)),
        draw(st.sampled_from(TRANSFERS)),
        draw(st.booleans()),
        draw(st.sampled_from(SITINGS)),
    )


@settings(max_examples=400, deadline=None)
@given(colours(), st.integers(1, 37), st.integers(1, 37), st.integers(0, 2**32 - 1))
def test_decode_then_encode_is_the_identity(colour: Colour, height: int, width: int, seed: int) -> None:
    planes = random_planes(colour, height, width, seed)
    linear = colour.decode(planes)
    assert linear.shape == (colour.channels, height, width)
    assert linear.dtype == torch.float32
    kept = linear.clone()
    again = colour.encode(linear)
    assert torch.equal(linear, kept), "encode must leave its input alone"
    for before, after in zip(planes, again, strict=True):
        assert after.dtype == before.dtype
        assert after.shape == before.shape
        if colour.is_float:
            np.testing.assert_allclose(
                after.astype(float), before.astype(float), atol=2e-3 if colour.bits == 16 else 1e-5
            )
        else:
            np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("transfer", TRANSFERS + LOGS)
def test_every_16_bit_code_value_survives_every_transfer(transfer: str) -> None:
    ramp = np.arange(1 << 16, dtype=np.uint16).reshape(256, 256)
    for full_range in (False, True):
        gray = Colour("GRAY", 16, False, 0, 0, "bt709", transfer, full_range, "left")
        np.testing.assert_array_equal(gray.encode(gray.decode([ramp]))[0], ramp)


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_transfers_are_odd_increasing_and_invertible_far_out(transfer: str) -> None:
    x = torch.linspace(-20, 20, 40001)
    y = to_linear(x, transfer)
    assert torch.all(y.diff() > 0)
    torch.testing.assert_close(to_linear(-x, transfer), -y)
    torch.testing.assert_close(from_linear(y, transfer), x, rtol=3e-6, atol=3e-6)
    double = x.double()
    torch.testing.assert_close(from_linear(to_linear(double, transfer), transfer), double, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize(
    ("transfer", "stored", "linear"),
    [
        ("bt709", 0.5, ((0.5 + 0.099297) / 1.099297) ** (1 / 0.45)),
        ("bt709", 0.05, 0.05 / 4.5),
        ("srgb", 0.5, ((0.5 + 0.055) / 1.055) ** 2.4),
        ("srgb", 0.03, 0.03 / 12.92),
        ("gamma2.2", 0.5, 0.5**2.2),
        ("gamma2.6", 0.5, 0.5**2.6),
        ("gamma2.8", 0.5, 0.5**2.8),
        ("smpte240m", 0.5, ((0.5 + 0.1115) / 1.1115) ** (1 / 0.45)),
        ("pq", 0.508078, 100 / 203),  # BT.2408: 100 cd/m2 is 50.8% PQ
        ("pq", 0.580689, 1.0),
        ("pq", 1.0, 10000 / 203),
        ("hlg", 0.75, 1.0),
        ("hlg", 0.5, (1 / 12) / ((math.exp((0.75 - 0.55991073) / 0.17883277) + 0.28466892) / 12)),
        ("linear", 0.3, 0.3),
    ],
)
def test_transfers_follow_their_standards(transfer: str, stored: float, linear: float) -> None:
    value = to_linear(torch.tensor([stored], dtype=torch.float64), transfer).item()
    assert value == pytest.approx(linear, rel=1e-3)


@pytest.mark.parametrize("transfer", LOGS)
def test_logs_increase_and_are_invertible_far_out(transfer: str) -> None:
    x = torch.linspace(-20, 20, 40001)
    y = to_linear(x, transfer)
    assert torch.all(y.diff() > 0)
    torch.testing.assert_close(from_linear(y, transfer), x, rtol=3e-6, atol=6e-6)
    double = x.double()
    torch.testing.assert_close(from_linear(to_linear(double, transfer), transfer), double, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize(
    ("transfer", "light", "code"),
    [  # 10-bit code values in the makers' own tables
        ("slog3", 0.0, 95),
        ("slog3", 0.18, 420),
        ("slog3", 0.90, 598),
        ("vlog", 0.0, 128),
        ("vlog", 0.18, 433),
        ("vlog", 0.90, 602),
        ("logc3", 0.0, 95),
        ("logc3", 0.18, 400),
        ("logc4", 0.0, 95),
        ("logc4", 0.18, 0.278396 * 1023),
        ("applelog", 0.0, 0.150476 * 1023),
        ("applelog", 0.18, 0.488272 * 1023),
        ("protune", 0.0, 0),
        ("protune", 0.18, 0.645623 * 1023),
        ("protune", 1.0, 1023),
        ("cineon", 0.0, 95),
        ("cineon", 1.0, 685),
    ],
)
def test_logs_meet_their_makers_anchors(transfer: str, light: float, code: float) -> None:
    stored = from_linear(torch.tensor([light], dtype=torch.float64), transfer).item()
    assert stored * 1023 == pytest.approx(code, abs=0.7 if isinstance(code, int) else 0.01)
    assert to_linear(torch.tensor([stored], dtype=torch.float64), transfer).item() == pytest.approx(light, abs=1e-9)


@pytest.mark.parametrize("transfer", LOGS)
def test_toes_and_logarithms_meet(transfer: str) -> None:
    x = torch.linspace(-0.03, 0.03, 60001, dtype=torch.float64)
    slopes = from_linear(x, transfer).diff() / x.diff()
    assert float(slopes.max()) < 25  # a step of a tenth of a code value would be a hundred
    at = torch.tensor([0.01125, 0.01, 0.010591, 0.0, -0.0180966], dtype=torch.float64)
    step = from_linear(at + 1e-9, transfer) - from_linear(at - 1e-9, transfer)
    assert float(step.abs().max()) * 1023 < 0.01


def test_inplace_overwrites_and_a_copy_does_not() -> None:
    x = torch.rand(3, 5, 7)
    kept = x.clone()
    y = to_linear(x.mT, "srgb")
    assert torch.equal(x, kept)
    z = to_linear(x, "srgb", inplace=True)
    assert z is x
    torch.testing.assert_close(y, x.mT)


def test_unknown_names_are_one_line_errors() -> None:
    with pytest.raises(ArgumentError, match=r"transfer must be one of linear, bt709.*not 'log'"):
        to_linear(torch.zeros(1), "log")
    with pytest.raises(ArgumentError, match="matrix must be one of"):
        Colour("YUV", 8, False, 0, 0, "bt2020cl", "bt709", False, "left")
    with pytest.raises(ArgumentError, match="chroma must be one of"):
        Colour("YUV", 8, False, 1, 1, "bt709", "bt709", False, "middle")
    with pytest.raises(ArgumentError, match="transfer must be one of"):
        Colour("GRAY", 8, False, 0, 0, "bt709", "log", False, "left")


# White, black and the primaries, against the standards' own figures.


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 16])
def test_nominal_white_and_black(matrix: str, full_range: bool, bits: int) -> None:
    colour = Colour("YUV", bits, False, 1, 1, matrix, "bt709", full_range, "left")
    unit = 1 << (bits - 8)
    black, white = (0, (1 << bits) - 1) if full_range else (16 * unit, 235 * unit)
    for code, light in ((black, 0.0), (white, 1.0)):
        planes = [np.full((4, 4), code, np.uint16), *[np.full((2, 2), 128 * unit, np.uint16)] * 2]
        torch.testing.assert_close(colour.decode(planes), torch.full((3, 4, 4), light), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("matrix", "rgb", "yuv"),
    [
        ("bt709", (1, 0, 0), (63, 102, 240)),
        ("bt709", (0, 0, 1), (32, 240, 118)),
        ("smpte170m", (1, 0, 0), (81, 90, 240)),
        ("smpte170m", (0, 1, 0), (145, 54, 34)),
        ("bt470bg", (0, 0, 1), (41, 240, 110)),
        ("bt2020ncl", (1, 0, 0), (74, 97, 240)),
        ("ycgco", (0, 1, 0), (126, 238, 128)),
        ("ycgco", (1, 0, 0), (71, 73, 238)),
    ],
)
def test_primaries_in_limited_range(matrix: str, rgb: tuple[int, int, int], yuv: tuple[int, int, int]) -> None:
    colour = Colour("YUV", 8, False, 0, 0, matrix, "linear", False, "left")
    picture = torch.tensor(rgb, dtype=torch.float32).view(3, 1, 1).expand(3, 2, 2)
    assert tuple(int(plane[0, 0]) for plane in colour.encode(picture)) == yuv


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "fcc", "smpte240m", "bt2020ncl", "ycgco"])
@pytest.mark.parametrize("subsampling", [(0, 0), (1, 0), (1, 1)])
def test_agrees_with_zimg(matrix: str, subsampling: tuple[int, int]) -> None:
    """An independent implementation: VapourSynth's resizer, values as they are (no transfer)."""
    import vapoursynth as vs

    core = vs.core
    codes = {"bt709": 1, "fcc": 4, "smpte170m": 6, "smpte240m": 7, "bt2020ncl": 9, "ycgco": 8}
    fmt = core.query_video_format(vs.YUV, vs.INTEGER, 16, *subsampling)
    colour = Colour("YUV", 16, False, *subsampling, matrix, "linear", False, "left")
    y, x = np.mgrid[0:32, 0:48].astype(np.float64)
    picture = np.stack([0.5 + 0.3 * np.sin(x / 15), 0.5 + 0.3 * np.cos(y / 11), 0.4 + 0.2 * np.sin((x + y) / 19)])
    planes = colour.encode(torch.from_numpy(picture.astype(np.float32)))

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for p, plane in enumerate(planes):
            np.copyto(np.asarray(frame[p]), plane)
        frame.props.update(_Matrix=codes[matrix], _ChromaLocation=0, _Range=0)
        return frame

    blank = core.std.BlankClip(width=48, height=32, format=fmt.id, length=1)
    clip = blank.std.ModifyFrame(blank, fill).resize.Bilinear(format=vs.RGBS)
    with clip.get_frame(0) as frame:
        reference = np.stack([np.asarray(frame[p]) for p in range(3)])
    decoded = colour.decode(planes).numpy()
    inner = (slice(None), slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(decoded[inner], reference[inner], atol=2e-5)


# Tags.


def tags(family: str = "YUV", height: int = 1080, **kwargs: object) -> Colour:
    return colour_from_tags(family, 8, False, 0, 0, height, **kwargs)


def test_defaults_where_tags_are_missing() -> None:
    sd, hd, rgb, gray = tags(height=576), tags(height=720), tags("RGB"), tags("GRAY")
    assert (sd.matrix, sd.transfer, sd.full_range, sd.chroma) == ("smpte170m", "bt709", False, "left")
    assert (hd.matrix, hd.transfer, hd.full_range) == ("bt709", "bt709", False)
    assert (rgb.transfer, rgb.full_range) == ("srgb", True)
    assert (gray.transfer, gray.full_range) == ("bt709", False)
    assert tags(matrix=2, transfer=2) == tags()


def test_tags_are_honoured_and_the_argument_wins() -> None:
    colour = tags(matrix=9, transfer=16, full_range=True, chroma="topleft")
    assert (colour.matrix, colour.transfer, colour.full_range, colour.chroma) == ("bt2020ncl", "pq", True, "topleft")
    assert tags(transfer=9, transfer_override="gamma2.2").transfer == "gamma2.2"
    assert tags("RGB", matrix=0).family == "RGB"


@pytest.mark.parametrize("code", [0, 3, 10, 11, 12, 13, 14, 15, 16, 17, 99])
def test_matrices_that_cannot_be_undone_are_refused(code: int) -> None:
    with pytest.raises(InputError, match=rf"matrix {code} .* is not supported for YUV"):
        tags(matrix=code)
    assert issubclass(InputError, DeblurError)


@pytest.mark.parametrize("code", [0, 3, 9, 10, 99])
def test_transfers_that_are_not_known_are_refused(code: int) -> None:
    with pytest.raises(InputError, match=rf"transfer {code} is not supported: .*give one yourself"):
        tags(transfer=code)


def test_hostile_float_samples_become_finite() -> None:
    for transfer in TRANSFERS + LOGS:
        colour = Colour("RGB", 32, True, 0, 0, "bt709", transfer, True, "left")
        bad = np.array([[np.nan, np.inf, -np.inf, 1e38, -1e38, 0.5]], np.float32)
        linear = colour.decode([bad] * 3)
        assert torch.isfinite(linear).all()
        assert all(np.isfinite(plane).all() for plane in colour.encode(linear))


def test_planes_may_be_read_only_and_strided() -> None:
    colour = Colour("GRAY", 8, False, 0, 0, "bt709", "bt709", False, "left")
    wide = np.arange(64, dtype=np.uint8).reshape(8, 8)
    wide.setflags(write=False)
    np.testing.assert_array_equal(colour.encode(colour.decode([wide[:, :5]]))[0], wide[:, :5])


@pytest.mark.parametrize("name", ["bt709", "srgb", "pq", "hlg", "slog3", "gamma2.2", "response1.9"])
def test_curves_are_the_same_for_any_number_of_threads(name: str) -> None:
    x = torch.rand(3, 338, 602, generator=torch.Generator().manual_seed(0))
    results = []
    for threads in (1, 2, 4, 5, 8):
        with torch_threads(threads):
            results.append((to_linear(x, name), from_linear(x, name)))
    for light, stored in results[1:]:
        assert torch.equal(light, results[0][0])
        assert torch.equal(stored, results[0][1])
