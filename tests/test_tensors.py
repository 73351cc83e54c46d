"""Small helpers of tensors."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from vsdeblur.tensors import box, greatest


@pytest.mark.parametrize("size", [1, 3, 5, 7, 15, 41])
def test_greatest_is_the_maximum_of_the_square_around_each_pixel(size: int) -> None:
    x = torch.randn(2, 3, 19, 30, generator=torch.Generator().manual_seed(size)) - 5
    assert torch.equal(greatest(x, size), F.max_pool2d(F.pad(x, (size // 2,) * 4, value=-torch.inf), size, 1))


@pytest.mark.parametrize("size", [1, 3, 5, 7, 13, 31])
def test_box_is_the_mean_of_the_square_around_each_pixel(size: int) -> None:
    x = torch.randn(2, 3, 19, 30, generator=torch.Generator().manual_seed(size))
    wide = F.pad(x, (size // 2,) * 4, mode="replicate")
    torch.testing.assert_close(box(x, size), F.avg_pool2d(wide, size, 1), rtol=0, atol=1e-5)


def test_box_has_the_gradient_of_a_mean() -> None:
    x = torch.randn(1, 1, 6, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: box(y, 3), x)
