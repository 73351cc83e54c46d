"""solver="admm": E1 through the engine, its tiles, scenes and plan, and through every face."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from vsdeblur import restore
from vsdeblur.camera.exposure import Exposure
from vsdeblur.engine import classical, solve_tiles
from vsdeblur.engine.classical import cells
from vsdeblur.engine.engine import Engine
from vsdeblur.engine.plan import make_plan
from vsdeblur.errors import ArgumentError, MemoryBudgetError
from vsdeblur.priors import get_prior
from vsdeblur.settings import Options
from vsdeblur.window import Window


def blurry(count: int = 4, height: int = 40, width: int = 56) -> Tensor:
    """A square that moves by 4 pixels a frame, averaged over 8 sub-frames, with a little noise."""
    u = torch.full((count * 8, 3, height, width), 0.3)
    for k in range(count * 8):
        u[k, :, 12:28, 8 + k // 2 : 24 + k // 2] = 0.8
    v = Exposure.build(count, 8, 1.0, quadrature="taps")(u)
    return v + 2 / 255 * torch.randn(v.shape, generator=torch.Generator().manual_seed(0))


def test_outputs_are_cells() -> None:
    assert [cells(Options(factor=Fraction(f))) for f in (1, 2, 3, 4, 8)] == [5, 6, 9, 4, 8]
    assert cells(Options(factor=Fraction(5, 2))) == 9
    assert cells(Options(factor=Fraction(2), quadrature="taps")) == 2


@pytest.mark.parametrize("transfer", ["linear", "bt709"])
def test_its_mean_is_the_exposure_and_its_energy_falls(transfer: str) -> None:
    v, energies = blurry(), []
    u = restore(v, 8, quadrature="taps", solver="admm", preset="fast", transfer=transfer, record=energies.append)
    assert u.shape == (32, 3, 40, 56)
    assert len(energies) == 7  # six steps of one tile
    if transfer == "linear":
        mean = Exposure.build(4, 8, 1.0, quadrature="taps")(u)
        assert float((mean - v).abs().max()) < 0.02
        assert energies[-1] < energies[0]
    assert float((u - v.repeat_interleave(8, 0)).abs().max()) > 0.05


def test_it_knows_no_motion() -> None:
    assert torch.equal(
        restore(blurry(), 2, solver="admm", preset="fast", prior=lambda u, s: u),
        restore(blurry(), 2, solver="admm", preset="fast", prior=lambda u, s: u.clone()),
    )
    for wrong in ({"flow": "dis"}, {"mode": "auto"}, {"out_shutter": 0.5}):
        with pytest.raises(ArgumentError, match='with solver="admm", which knows no motion'):
            restore(blurry(), 2, solver="admm", **wrong)


@pytest.mark.parametrize(
    "settings", [{"factor": 1}, {"factor": "5/2"}, {"readout": 0.5}, {"shutter": 0.4}, {"prior": "tv"}]
)
def test_every_timing(settings: dict[str, object]) -> None:
    u = restore(blurry(), **{"factor": 2, "shutter": 1.0, "solver": "admm", "preset": "fast", **settings})
    assert bool(torch.isfinite(u).all())
    assert float((u.mean() - blurry().mean()).abs()) < 0.02


def test_scenes_are_solved_by_themselves() -> None:
    v = blurry()
    v[2:] = 1 - v[2:]
    together = restore(v, 4, solver="admm", preset="fast", scene_cuts=[2])
    alone = restore(v[:2], 4, solver="admm", preset="fast", scene_cuts=False)
    assert torch.allclose(together[:8], alone, atol=2e-3)  # but for the noise, measured in all frames


def test_tiles_make_no_seam_and_the_plan_holds() -> None:
    options = Options(solver="admm", transfer="linear", preset="fast", factor=Fraction(4), shutter=1.0)
    v = blurry(3, 64, 160)
    engine, found = Engine(options, 64, 160), []
    for tile in (512, 48):
        engine.plan = replace(engine.plan, tile=tile, overlap=(32, 32))
        found.append(torch.stack(list(engine.restore(Window(v, 0, 0, 3), [0.125, 1.375, 2.125]))))
    assert float((found[0] - found[1]).abs().max()) < 1 / 255
    tv = get_prior("tv")
    small, large = (make_plan(replace(options, max_memory=m << 20), 1080, 1920, 3, 0, prior=tv) for m in (3000, 8000))
    assert small.peak_bytes <= 3000 << 20
    assert (small.chunk, small.tile) < (large.chunk, large.tile)
    with pytest.raises(MemoryBudgetError, match="at least"):
        make_plan(replace(options, max_memory=200 << 20), 1080, 1920, 3, 0, prior=tv)


def test_files_and_scripts_take_it(tmp_path: Path) -> None:
    vapoursynth = pytest.importorskip("vapoursynth")
    from tests.support.pyav import decode, run_fast, write_clip
    from vsdeblur import deblur

    write_clip(tmp_path / "in.mkv")
    run_fast(tmp_path / "in.mkv", tmp_path / "out.mkv", solver="admm")
    assert len(decode(tmp_path / "out.mkv")) == 2 * len(decode(tmp_path / "in.mkv"))
    clip = vapoursynth.core.std.BlankClip(
        format=vapoursynth.YUV420P8, width=32, height=32, length=3, color=[90, 120, 130]
    )
    out = deblur(clip, 2, solver="admm", preset="fast")
    assert out.num_frames == 6
    assert out.get_frame(3)[0][5, 5] == 90


def test_the_prior_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of the user's own is loaded, and tried, when it is made."""
    made: list[Any] = []

    def counted(prior: Any, device: Any = None) -> Any:
        made.append(prior)
        return get_prior(prior, device)

    for module in (classical, solve_tiles):
        monkeypatch.setattr(module, "get_prior", counted)
    engine = Engine(Options(shutter=0.5, solver="admm", prior="tv", device="cpu"), 32, 32)
    assert made == ["tv"]
    assert engine.classical is not None
    assert engine.key_frame_solver.prior is None
