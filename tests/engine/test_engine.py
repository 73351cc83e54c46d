"""The engine as a whole: what it promises whatever the clip, and how good it must be on a small moving scene."""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.quality import FACTOR, H, W, as_tensor, psnr
from vsdeblur import restore
from vsdeblur.colour.transfer import to_linear
from vsdeblur.device import choose_device, torch_threads
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.grid import Grid
from vsdeblur.errors import ArgumentError
from vsdeblur.flow.motion import Motion
from vsdeblur.settings import parse_options
from vsdeblur.settings.transfers import TRANSFERS
from vsdeblur.solver.render.blending import blended
from vsdeblur.synthetic.scene import Scene, film
from vsdeblur.timing import instant, output_count
from vsdeblur.window import Window

pytestmark = pytest.mark.quick


def options(**given: Any) -> Any:
    return parse_options(**{"factor": 2, "shutter": 1.0, "transfer": "linear", "device": "cpu", **given})


# --- what comes back as it was ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_a_still_clip_comes_back_within_one_code_value(transfer: str, bits: int) -> None:
    """Stored values go through linear light and back; for PQ a code value near black is a very small one."""
    top = 2**bits - 1
    still = torch.randint(0, top + 1, (1, 1, 24, 32), generator=torch.Generator().manual_seed(bits)).float()
    still[0, 0, :2] = torch.linspace(0, 16, 32).round()  # the darkest codes, too
    v = (still / top).expand(3, -1, -1, -1)
    u = restore(v, 2, shutter=0.5, transfer=transfer) * top
    assert (u - still).abs().max() <= 1


def test_noise_on_a_still_scene_is_not_amplified() -> None:
    rng = torch.Generator().manual_seed(3)
    scene = as_tensor(film(Scene(H, W), 1, 1, 1.0, lambda light: light)[0])
    v = scene + 3 / 255 * torch.randn(4, 3, H, W, generator=rng)
    assert psnr(restore(v, 1), scene) > psnr(v, scene) - 0.1


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("factor", [1, 3, Fraction(5, 2)])
def test_short_clips(blurry: Tensor, frames: int, factor: Any) -> None:
    v = blurry[:frames]
    u = restore(v, factor)
    assert len(u) == int(frames * factor)
    assert torch.isfinite(u).all()
    if frames == 1:
        assert (u - v).abs().max() < 0.5 / 255


def test_factor_one_sharpens_in_place(filmed: tuple[Tensor, Tensor]) -> None:
    sharp, blurry = filmed
    u = restore(blurry, 1)
    middle = (sharp[FACTOR // 2 :: FACTOR] + sharp[FACTOR // 2 - 1 :: FACTOR]) / 2  # nearest to mid-exposure
    assert u.shape == blurry.shape
    assert psnr(u[1:-1], middle[1:-1]) > psnr(blurry[1:-1], middle[1:-1]) + 3


def test_both_sides_of_a_cut_are_restored_as_if_alone(blurry: Tensor) -> None:
    other = 1 - blurry.flip(-1)
    both = restore(torch.cat((blurry[:3], other[:3])), 4, scene_cuts=[3])
    assert torch.equal(both[:12], restore(blurry[:3], 4, scene_cuts=False))
    after = restore(other[:3], 4, scene_cuts=False)
    assert (both[12:] - after).abs().max() < 1e-4  # instants are counted from another frame


def test_the_own_detector_finds_the_cut(blurry: Tensor) -> None:
    clip = torch.cat((blurry[:3], 1 - blurry[:3].flip(-1)))
    assert torch.equal(restore(clip, 2), restore(clip, 2, scene_cuts=[3]))


def test_a_cut_missed_is_not_smeared_across(blurry: Tensor) -> None:
    """Without cuts trust alone has to notice; the input, or something near it, is what remains."""
    clip = torch.cat((blurry[:2], 1 - blurry[:2].flip(-1)))
    u = restore(clip, 1, scene_cuts=False)
    with_cut = restore(clip, 1, scene_cuts=[2])
    assert psnr(u[1:3], with_cut[1:3]) > 20


# --- instants, chunks and alpha --------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [Fraction(1), Fraction(2), Fraction(5, 2), Fraction(8)])
@pytest.mark.parametrize("shutter", [1.0, 0.5])
def test_instants_lie_inside_the_clip_and_ascend(factor: Fraction, shutter: float) -> None:
    instants = [instant(j, factor, shutter) for j in range(output_count(7, factor))]
    assert instants == sorted(instants)
    assert all(0 <= t < 7 for t in instants)
    assert instants[0] == pytest.approx(shutter / 2 if factor == 1 else 0.5 / float(factor))


def test_an_instant_shows_the_scene_at_its_time() -> None:
    """A soft blob that crosses the picture is where it was at (j + 1/2) / factor."""

    def blob(t: float) -> Tensor:
        y, x = torch.meshgrid(torch.arange(48.0), torch.arange(96.0), indexing="ij")
        return 0.2 + 0.6 * torch.exp(-((x - 20 - 8 * t).square() + (y - 24).square()) / 60)[None]

    shutter, factor = 0.5, 4
    v = torch.stack([torch.stack([blob(n + shutter * (q + 0.5) / 16) for q in range(16)]).mean(0) for n in range(5)])
    u = restore(v, factor, shutter=shutter)
    for j in range(factor, 4 * factor):
        x = torch.arange(96.0)
        excess = (u[j] - 0.2).clamp(min=0).sum((0, 1))
        assert float((x * excess).sum() / excess.sum()) == pytest.approx(20 + 8 * (j + 0.5) / factor, abs=0.6)


def test_unequal_durations_are_interpolated_in_time() -> None:
    """A ramp that moves evenly in time, seen by frames of unequal lengths: each instant lies where time says."""
    durations, shutter = (1.0, 1.0, 2.0, 1.0, 1.0), 0.5  # the shutter is open for half of the shortest period
    opened = [0.0, 1.0, 2.0, 4.0, 5.0]
    shutters = tuple(shutter / d for d in durations)
    x = torch.arange(64.0).expand(32, 64)

    def ramp(t: float) -> Tensor:
        return (0.2 + (x - 4 * t) / 128)[None]

    frames = torch.stack([ramp(s + shutter / 2) for s in opened])
    path = torch.zeros(5, 4, 32, 64)
    path[:, 0] = 4 * torch.tensor(durations)[:, None, None]
    motion = Motion(path, torch.ones(5, 1, 32, 64), torch.ones(5, 2, 32, 64))
    engine = Engine(options(shutter=shutter), 32, 64, 1)
    window = Window(frames, 0, 0, 5, colour=1, durations=durations, shutters=shutters)
    for t in (1.1, 1.5, 1.9, 2.05, 2.3, 2.9):
        n = int(t)
        (u,) = engine.restore(window, [t], motion=motion)
        wanted = ramp(opened[n] + (t - n) * durations[n])
        assert (u - wanted)[..., 20:40].abs().max() * 128 < 0.1  # a tenth of a pixel


def test_chunks_do_not_show(blurry: Tensor) -> None:
    """A frame restored from its own chunk's window against the same from one window of the whole clip."""
    engine = Engine(options(), H, W)
    whole = list(engine.restore(Window(blurry, 0, 0, 5), [2.25, 2.75]))
    around = Grid(1, engine.plan.halo, engine.plan.halo).chunk(2, 5).window
    window = Window(blurry[around.start : around.stop], around.start, 2 - around.start, 1)
    chunk = list(engine.restore(window, [2.25, 2.75]))
    for a, b in zip(whole, chunk, strict=True):
        assert psnr(a, b) > psnr(a, blurry[2]) + 10
        assert psnr(a, b) > 36


@pytest.mark.parametrize(
    ("preset", "readout", "noise"),
    [("fast", 0.0, 0.0), ("fast", 0.5, 0.0), ("balanced", 0.0, 0.0), ("balanced", 0.0, 5 / 255), ("best", 0.0, 0.0)],
)
def test_the_number_of_threads_changes_no_bit(blurry: Tensor, preset: str, readout: float, noise: float) -> None:
    """With noise there is a prior."""
    v = blurry[:3] + noise * torch.randn(blurry[:3].shape, generator=torch.Generator().manual_seed(0))
    results = []
    for threads in (1, 2, 3):
        with torch_threads(threads):
            results.append(restore(v, 3, preset=preset, readout=readout))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_the_number_of_threads_changes_no_bit_of_several_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a picture whose motion is found at half the resolution; with two, others than the caller's render it."""
    wide = as_tensor(film(Scene(136, 656), 2, 4, 0.6, lambda light: light)[1])
    renderers: set[str] = set()

    def seen(*given: Any) -> tuple[Tensor, list[Tensor]]:
        renderers.add(threading.current_thread().name)
        return blended(*given)

    monkeypatch.setattr("vsdeblur.solver.render.instant.blended", seen)
    results = []
    for threads in (1, 2):
        with torch_threads(threads):
            results.append(restore(wide, 1, shutter=0.6, preset="fast"))
    assert torch.equal(*results)
    assert len(renderers) > 1


def test_every_instant_is_the_same_alone(blurry: Tensor) -> None:
    engine = Engine(options(), H, W)
    window = Window(blurry, 0, 1, 2)
    together = list(engine.restore(window, [1.125, 1.875, 2.5]))
    alone = [next(engine.restore(window, [t])) for t in (1.125, 1.875, 2.5)]
    assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))
    assert list(engine.restore(window, [])) == []


def test_alpha_follows_the_picture(filmed: tuple[Tensor, Tensor]) -> None:
    """An alpha that is the red channel is solved as the red channel is; the colours do not notice it."""
    _, blurry = filmed
    window = Window(torch.cat((blurry, blurry[:, :1]), 1), 0, 0, 5)
    for solver in ("keyframes", None):
        given = options(solver=solver)
        with_alpha = torch.stack(list(Engine(given, H, W, 4).restore(window, [1.25, 2.75])))
        without = torch.stack(list(Engine(given, H, W, 3).restore(Window(blurry, 0, 0, 5), [1.25, 2.75])))
        assert with_alpha.shape == (2, 4, H, W)
        assert torch.allclose(with_alpha[:, :3], without, atol=1e-6)
        assert torch.allclose(with_alpha[:, 3], without[:, 0], atol=1e-6) == (solver == "keyframes")


def test_results_are_float32_on_the_cpu_and_the_window_is_left_alone(blurry: Tensor) -> None:
    window = Window(blurry.clone(), 0, 0, 5)
    for u in Engine(options(), H, W).restore(window, [0.25, 4.75]):
        assert u.shape == (3, H, W)
        assert u.dtype == torch.float32
        assert u.device.type == "cpu"
    assert torch.equal(window.frames, blurry)


def test_energies_are_recorded_and_fall(blurry: Tensor) -> None:
    energies: list[float] = []
    restore(blurry, 1, record=energies.append)
    assert len(energies) == 2
    assert energies[1] < 0.5 * energies[0]


# --- devices ---------------------------------------------------------------------------------------------------------


def test_devices() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_device(None).type in ("cpu", "cuda", "mps")
    missing = [
        name
        for name, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()))
        if not there
    ]
    for name in [*missing, "cuda:63"]:
        with pytest.raises(ArgumentError, match="device"):
            Engine(options(device=name), H, W)


def test_linear_light_is_where_exposures_add_up() -> None:
    """The same scene stored with a curve is restored as well as it is stored linearly."""
    sharp, blurry = film(Scene(H, W), 3, 2, 1.0, lambda light: light ** (1 / 2.2))
    u = restore(as_tensor(blurry), 2, transfer="gamma2.2")
    truth, repeated = as_tensor(sharp), as_tensor(blurry).repeat_interleave(2, 0)
    assert psnr(u[2:4], truth[2:4]) > psnr(repeated[2:4], truth[2:4]) + 1.5
    assert torch.allclose(to_linear(truth, "gamma2.2"), truth**2.2, atol=1e-4)
