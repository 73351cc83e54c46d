"""A path or one kernel: which explains the picture."""

from __future__ import annotations

import pytest
import torch

from vsdeblur.blind.estimate.choice import CameraBlur, KernelAlone, alikeness
from vsdeblur.blind.estimate.confidence import Judgement
from vsdeblur.blind.operators.filter_flow import FilterFlow
from vsdeblur.blind.operators.protocol import Blur
from vsdeblur.blind.operators.uniform import UniformBlur

SIZE = (64, 72)
PICTURE = torch.rand(1, 1, *SIZE, generator=torch.Generator().manual_seed(0))


def of_side(n: int) -> UniformBlur:
    return UniformBlur(torch.full((n, n), 1 / n**2), SIZE)


def side(blur: Blur) -> int:
    return 2 * blur.margin + 1


@pytest.fixture
def judgements(monkeypatch: pytest.MonkeyPatch) -> dict[int, Judgement]:
    """Of blurs by their side, set by the test."""
    found: dict[int, Judgement] = {}
    monkeypatch.setattr("vsdeblur.blind.estimate.choice.judged", lambda picture, blur: found[side(blur)])
    return found


@pytest.mark.parametrize(
    ("path", "uniform", "taken"),
    [
        (Judgement(0.9, 3.0, 0.95), Judgement(0.9, 3.0, 0.90), 5),  # both pass, and one kernel is cheaper
        (Judgement(0.9, 3.0, 0.95), Judgement(0.9, 3.0, 0.95), 3),
        (Judgement(0.9, 3.0, 0.95), Judgement(0.9, 3.0, 0.948), 3),  # by too little
        (Judgement(0.9, 3.0, 0.95), Judgement(0.9, 1.8, 0.80), 3),  # too narrow a kernel: a thing that moved
        (Judgement(0.9, 3.0, 0.95), Judgement(0.2, 3.0, 0.80), 3),
        (Judgement(0.2, 7.0, 0.90), Judgement(0.9, 3.0, 0.80), 1),
    ],
)
def test_the_cheaper_of_what_passes(
    judgements: dict[int, Judgement], path: Judgement, uniform: Judgement, taken: int
) -> None:
    judgements |= {3: path, 5: uniform}
    assert side(CameraBlur(lambda _: of_side(3), lambda _: of_side(5))(PICTURE)) == taken


@pytest.mark.parametrize(
    ("uniform", "taken"),
    [
        (Judgement(0.9, 3.0, 0.95), 5),
        (Judgement(0.2, 3.0, 0.95), 1),
        (Judgement(0.9, 1.8, 0.80), 1),
        (Judgement(0.9, 7.0, 1.10), 1),  # too dear
    ],
)
def test_one_kernel_alone(judgements: dict[int, Judgement], uniform: Judgement, taken: int) -> None:
    judgements[5] = uniform
    assert side(KernelAlone(lambda _: of_side(5))(PICTURE)) == taken


def test_kernels_that_differ_are_not_one(judgements: dict[int, Judgement]) -> None:
    judgements |= {7: Judgement(0.9, 3.0, 0.95), 5: Judgement(0.9, 3.0, 0.80)}
    line = torch.zeros(4, 7, 7)
    line[0, 3] = line[1, :, 3] = line[2, 3] = line[3, :, 3] = 1 / 7
    turned = FilterFlow(line.view(2, 2, 7, 7), SIZE, 71, (0, 0))
    assert alikeness(turned) < 0.975
    assert alikeness(of_side(5)) == pytest.approx(1, abs=1e-4)
    assert CameraBlur(lambda _: turned, lambda _: of_side(5))(PICTURE) is turned


def test_tiny_pictures_have_no_blur() -> None:
    assert CameraBlur()(PICTURE[..., :40, :]).margin == 0


def test_one_kernel_is_found_where_it_is_the_truth() -> None:
    """Squares under a bent kernel, by the public call."""
    from vsdeblur.blind import restore_frame

    generator = torch.Generator().manual_seed(3)
    sharp = torch.zeros(1, 1, 150, 160)
    for _ in range(60):
        y, x, h, w = (int(torch.randint(0, n, (1,), generator=generator)) for n in (130, 140, 40, 40))
        sharp[..., y : y + 6 + h, x : x + 6 + w] = float(torch.rand(1, generator=generator))
    kernel = torch.zeros(17, 17)
    kernel[3, 3:14] = 1
    kernel[3:13, 13] = 1
    kernel /= kernel.sum()
    blur = UniformBlur(kernel, (134, 144))
    v = (blur(sharp) + 0.003 * torch.randn(1, 1, 134, 144, generator=generator)).clamp(0, 1)
    _, found = restore_frame(v[0])
    assert isinstance(found, UniformBlur)
    size = (48, 48)  # of a torus on which the kernels are compared at every shift
    a, b = (torch.fft.rfft2(k, s=size) for k in (kernel, found.kernel))
    match = torch.fft.irfft2(a.conj() * b, s=size).max() / (kernel.norm() * found.kernel.norm())
    assert match > 0.8
