"""flow="rife:PATH": how a user's model is called, what becomes of what it gives, and what is refused."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsdeblur import restore
from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.flow import find_motion_engine
from vsdeblur.flow.declared import DeclaredFlow, from_middle, load_declared_flow
from vsdeblur.named import Named


class Search(nn.Module):
    """The whole-pixel shift within 4 that brings two frames together, as one flow for all of the picture.

    Gives the flow itself, "flow", or half of it both ways, "middle", a pixel in ``scale`` and in units of ``unit``.
    """

    def __init__(self, middle: bool = True, scale: int = 1, unit: float = 1.0) -> None:
        super().__init__()
        self.middle, self.scale, self.unit = middle, scale, unit

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        best, right, down = 1e9, 0, 0
        for dy in range(-4, 5):
            for dx in range(-4, 5):
                moved = torch.roll(b, [-dy, -dx], [2, 3])
                off = float((moved - a)[:, :, 8:-8, 8:-8].abs().mean())
                if off < best:
                    best, right, down = off, dx, dy
        height, width = a.shape[2] // self.scale, a.shape[3] // self.scale
        flow = torch.tensor([float(right), float(down)]).view(1, 2, 1, 1).expand(1, 2, height, width) / self.unit
        return torch.cat((-flow / 2, flow / 2), 1) if self.middle else flow


class Stacked(nn.Module):
    """The same of stacked frames with a channel of the time, dark ones in [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.search = Search(middle=False)

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[1] == 7
        assert bool((x[:, 6] == 0.5).all())
        assert float(x[:, :6].min()) < -0.5
        return self.search(x[:, :3], x[:, 3:6])


def saved(path: Path, module: nn.Module, declaration: str) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(module.eval()).save(str(path))
    path.with_suffix(".toml").write_text(declaration)
    return f"rife:{path}"


def load(name: str) -> DeclaredFlow:
    return load_declared_flow(Named("rife", "", Path(name.removeprefix("rife:"))))


def moving(right: int, down: int, height: int = 45, width: int = 70) -> tuple[Tensor, Tensor]:
    """(3, H, W) twice: what is at x in the first is at x + (right, down) in the second."""
    small = torch.rand(1, 3, 30, 30, generator=torch.Generator().manual_seed(1))
    wide = F.interpolate(small, scale_factor=4.0, mode="bilinear")[0]
    a = wide[:, 10 : 10 + height, 10 : 10 + width]
    return a, wide[:, 10 - down : 10 - down + height, 10 - right : 10 - right + width]


@pytest.mark.parametrize(
    ("module", "declaration"),
    [
        (Search(), 'output = "middle"'),
        (Search(middle=False), 'output = "flow"\nalign = 1\ncolour = "grey"'),
        (Search(scale=8, unit=8.0), 'output = "middle"\nscale = 8\nunit = 8'),
        (Stacked(), 'output = "flow"\ninputs = "stacked"\ntime = "channel"\nvalues = [-1, 1]\ncolour = "bgr"'),
    ],
)
def test_it_is_called_as_declared(module: nn.Module, declaration: str, tmp_path: Path) -> None:
    flow = load(saved(tmp_path / "own.pt", module, declaration))
    found = flow(*moving(2, -3))
    assert found.shape == (2, 45, 70)
    assert torch.allclose(found, torch.tensor([2.0, -3.0])[:, None, None].expand(2, 45, 70), atol=1e-4)
    assert flow(*(x[:1] for x in moving(1, 0))).shape == (2, 45, 70)


def test_what_lies_half_way_is_brought_to_the_first_frame() -> None:
    """Motion that grows with x: x -> 1.2 x between the frames, through 1.1 x."""
    x = torch.arange(64.0).view(1, 1, 1, -1).expand(1, 1, 48, -1)
    none = torch.zeros_like(x)
    to_first, to_second = -x * (0.1 / 1.1), x * (0.1 / 1.1)
    found = from_middle(torch.cat((to_first, none, to_second, none), 1))
    assert torch.allclose(found[0, 0, :, :50], 0.2 * x[0, 0, :, :50], atol=0.02)
    assert float(found[0, 1].abs().max()) == 0


def test_it_restores(tmp_path: Path) -> None:
    name = saved(tmp_path / "own.pt", Search(), 'output = "middle"')
    v = torch.stack([moving(2 * n, 0, 48, 64)[1] for n in range(3)])
    assert restore(v, 2, shutter=0.5, flow=name, preset="fast").shape == (6, 3, 48, 64)
    assert callable(find_motion_engine(name))


class Wrong(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor, self.search = factor, Search()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.search(a, b) * self.factor


@pytest.mark.parametrize(
    ("module", "declaration", "said"),
    [
        (Search(), "", 'lacks output = "middle"'),
        (Search(), 'output = "both"', "output must be one of flow, middle, not 'both'"),
        (Search(), 'output = "middle"\ntime = "channel"', 'time must be none, map or number where inputs = "pair"'),
        (Search(), 'output = "middle"\nunit = 0', "unit must be a number from 0.001 to 1000, not 0"),
        (Search(), 'output = "flow"', r"gave back (1, 4, 96, 128), and its declaration says (1, 2, 96, 128)"),
        (Search(), 'output = "middle"\ninputs = "stacked"', "failed: "),
        (Wrong(-1.0), 'output = "middle"', "finds a motion of (-3.0, 2.0) pixels where a picture moved by (3, -2)"),
        (Wrong(0.1), 'output = "middle"', "look at output, inputs, values, scale and unit in"),
        (Wrong(float("nan")), 'output = "middle"', "not finite"),
    ],
)
def test_what_is_wrong_is_one_line(module: nn.Module, declaration: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(DeblurError) as caught:
        load(saved(tmp_path / "own.pt", module, declaration))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_and_no_declaration(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="flow must be a name with the path of a checkpoint file that exists"):
        find_motion_engine(f"rife:{tmp_path / 'none.pt'}")
    (tmp_path / "bare.onnx").write_bytes(b"x")
    with pytest.raises(DeblurError, match=r'bare\.onnx has no declaration: write bare\.toml .* output = "middle"'):
        find_motion_engine(f"rife:{tmp_path / 'bare.onnx'}")
