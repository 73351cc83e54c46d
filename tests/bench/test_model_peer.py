"""A network of the user's own as a row of the benchmark: which instants it is asked for, and what is refused."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn

from tests.support.declared import onnx_mean
from vsdeblur.bench.model_peer import PeerDeclaration, placed
from vsdeblur.bench.own_peer import own_peer
from vsdeblur.cli import main
from vsdeblur.errors import DeblurError
from vsdeblur.filters.pyav.file.write import write_mp4
from vsdeblur.synthetic.scene import Scene, film


class Blend(nn.Module):
    """(B, 3, H, W) between the two frames of (B, 2, 3, H, W) at a time (B,)."""

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return torch.lerp(x[:, 0], x[:, 1], t.view(-1, 1, 1, 1))


class Several(nn.Module):
    """(B, 4, 3, H, W) of three frames: how bright the middle one is, plus 1 to 4 hundredths."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([x[:, 1] + 0.01 * (k + 1) for k in range(4)], 1)


def saved(path: Path, module: nn.Module, declaration: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(module.eval()).save(str(path))
    path.with_suffix(".toml").write_text(declaration)
    return f"own={path}"


def blurry() -> np.ndarray:
    """Three even frames: 40, 80 and 120."""
    return np.stack([np.full((10, 14, 3), 40 * (n + 1), np.uint8) for n in range(3)])


@pytest.mark.parametrize(
    ("instant", "said", "shutter", "found"),
    [
        (0.1, PeerDeclaration((0.5, 1.5)), 1.0, (0, 0.0)),  # nothing before the first
        (0.75, PeerDeclaration((0.5, 1.5)), 1.0, (0, 0.25)),
        (2.25, PeerDeclaration((0.5, 1.5)), 1.0, (1, 0.75)),
        (3.9, PeerDeclaration((0.5, 1.5)), 1.0, (3, 0.4)),  # the last frame is its own neighbour
        (1.25, PeerDeclaration((0.0, 1.0), per="exposure", given=3), 0.5, (1, 0.5)),
        (1.6, PeerDeclaration((0.0, 1.0), per="exposure", given=3), 0.5, (1, 1.0)),
        (1.9, PeerDeclaration((0.0, 1.0), per="exposure", given=3), 0.5, (2, 0.0)),
    ],
)
def test_each_instant_is_asked_of_the_frame_that_covers_it(
    instant: float, said: PeerDeclaration, shutter: float, found: tuple[int, float]
) -> None:
    n, share = placed(instant, 4, said, shutter)
    assert n == found[0]
    assert share == pytest.approx(found[1], abs=1e-6)


@pytest.mark.parametrize("shutter", [1.0, 0.625])
def test_published_methods_are_asked_for_the_sub_frame_that_is_meant(shutter: float) -> None:
    """As docs/extend/peer.md declares them: VIDUE's eight, and what times of BiT and DeMFI stand for."""
    vidue = PeerDeclaration((0.0625, 0.9375), frames=4, given=8)
    demfi = PeerDeclaration((shutter / 2, 1 + shutter / 2), frames=4, time="number")
    bit = PeerDeclaration((0.045, 0.955), per="exposure", frames=3, time="number")
    for k in range(8, 24):
        instant = (k + 0.5) / 8
        n, share = placed(instant, 5, vidue, shutter)
        assert n == k // 8
        assert share * 7 == pytest.approx(k % 8)
        n, share = placed(instant, 5, demfi, shutter)
        assert n + shutter / 2 + share == pytest.approx(instant)
        n, share = placed(instant, 5, bit, shutter)
        meant = n + (0.045 + 0.91 * share) * shutter
        assert 0 <= share <= 1
        within = k % 8 < 8 * shutter  # else it gives the nearest end of an exposure
        assert abs(meant - instant) < (0.02 if within else 0.5 - shutter / 2 + 0.045)


def test_a_model_with_a_time(tmp_path: Path) -> None:
    name, row = own_peer(saved(tmp_path / "blend.pt", Blend(), 'at = [0.5, 1.5]\ntime = "number"\nalign = 8'), "cpu")
    assert name == "own"
    u = row(blurry(), 4, 4)
    assert u.shape == (12, 10, 14, 3)
    assert [int(x) for x in u[:, 0, 0, 0]] == [40, 40, 45, 55, 65, 75, 85, 95, 105, 115, 120, 120]


def test_a_model_of_several_instants(tmp_path: Path) -> None:
    said = 'frames = 3\ngiven = 4\nat = [0.125, 0.875]\nvalues = [0, 1]\nalign = 1\ncolour = "bgr"'
    _, row = own_peer(saved(tmp_path / "several.pt", Several(), said), "cpu")
    values = row(blurry(), 4, 4)[:, 3, 3, 1].astype(int)
    assert values.tolist() == [c + round(2.55 * k) for c in (40, 80, 120) for k in (1, 2, 3, 4)]


def test_onnx_of_stacked_frames(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    path = tmp_path / "mean.onnx"
    onnx_mean(path, "", frames=2)
    path.with_suffix(".toml").write_text('at = [0, 1]\nlayout = "stacked"\ntime = "map"\nvalues = [0, 255]')
    _, row = own_peer(f"own={path}", "cpu")
    assert set(row(blurry(), 2, 2)[:, 2, 2, 0].tolist()) == {60, 100, 120}


@pytest.mark.parametrize(
    ("declaration", "said"),
    [
        ('time = "number"', "lacks 'at = [first, last]'"),
        ("at = [1, 0]\ngiven = 2", "at must be [first, last] instant, two numbers in ascending order"),
        ("at = [0, 1]", 'given must be 2 or more with time = "none", not 1'),
        ('at = [0, 1]\ntime = "map"\ngiven = 3', 'given must be 1 with time = "map", not 3'),
        ('at = [0, 1]\ntimes = "map"', "an entry 'times' that does not exist: did you mean time?"),
    ],
)
def test_a_wrong_declaration_is_one_line(declaration: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DeblurError) as caught:
        own_peer(saved(tmp_path / "m.pt", Blend(), declaration))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_model_does_wrong_is_one_line(tmp_path: Path) -> None:
    _, row = own_peer(saved(tmp_path / "m.pt", Several(), "at = [0, 1]\nframes = 3\ngiven = 5"), "cpu")
    with pytest.raises(DeblurError, match=r"peer own gave back \(1, 4, 3, 32, 32\), and its declaration says 5 frames"):
        row(blurry(), 4, 4)
    _, row = own_peer(saved(tmp_path / "m.pt", Blend(), "at = [0, 1]\nframes = 3\ngiven = 5"), "cpu")
    with pytest.raises(DeblurError, match="peer own failed: "):
        row(blurry(), 4, 4)


def test_it_is_a_row_of_the_table(tmp_path: Path) -> None:
    given = saved(tmp_path / "blend.pt", Blend(), 'at = [0.5, 1.5]\ntime = "number"')
    out, clip = tmp_path / "out.json", tmp_path / "clip.mp4"
    write_mp4(clip, film(Scene(48, 64), 3, 4, 1.0, lambda light: light)[0], 120)
    command = ["bench", str(clip), "--peer", given, "--preset", "fast", "--no-peers", "--factor", "4", "--periods", "3"]
    done = CliRunner().invoke(main, [*command, "--json", str(out), "--quiet"])
    assert done.exit_code == 0, done.output
    means = json.loads(out.read_text())["mean"]
    assert means["own"]["all"] == pytest.approx(means["linear blend"]["all"], abs=0.3)
