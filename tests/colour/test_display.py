"""The curves by which light becomes display values, one for each purpose."""

import pytest
import torch

from vsdeblur.colour.display import (
    display_slope,
    from_display,
    from_smooth_display,
    to_display,
    to_matching,
    to_smooth_display,
)

LIGHT = torch.linspace(-0.5, 4, 100, dtype=torch.float64)


@pytest.mark.parametrize(("there", "back"), [(to_display, from_display), (to_smooth_display, from_smooth_display)])
def test_there_and_back_is_the_identity(there, back) -> None:
    assert torch.allclose(back(there(LIGHT)), LIGHT, atol=1e-9)
    assert there(torch.tensor([0.0, 1.0])).tolist() == pytest.approx([0, 1], abs=1e-6)


def test_the_smooth_curve_is_smooth_at_black() -> None:
    at = torch.linspace(-1e-3, 1e-3, 201, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(to_smooth_display(at).sum(), at)
    assert float(slope.max()) < 12
    assert float(slope.diff().abs().max()) < 0.1


def test_the_slope_is_the_derivative_of_the_display_curve() -> None:
    light = torch.linspace(0.001, 1, 50, dtype=torch.float64)
    numeric = 1e-6 / (to_display(light + 5e-7) - to_display(light - 5e-7))
    assert torch.allclose(display_slope(light), numeric, rtol=0.02)


def test_matching_scales_with_exposure() -> None:
    light = torch.linspace(0.01, 0.4, 20, dtype=torch.float64)
    ratio = to_matching(2 * light) / to_matching(light)
    assert torch.allclose(ratio, ratio[:1])
    assert to_matching(torch.tensor([-1.0, 2.0])).tolist() == [0, 1]
