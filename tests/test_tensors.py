"""Small helpers of tensors."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from vsdeblur.device import torch_threads
from vsdeblur.tensors import BLOCK, blocks, box, greatest, power


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


@pytest.mark.parametrize("count", [1, 31, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK // 2, 5 * BLOCK + 77, 8 * BLOCK])
def test_a_power_is_the_same_for_any_number_of_threads(count: int) -> None:
    x = torch.rand(count, generator=torch.Generator().manual_seed(count))
    results = []
    for threads in (1, 2, 3, 4, 7, 8):
        with torch_threads(threads):
            assert sum(block.numel() for block in blocks(x)) == count
            results.append(power(x.clone(), 1 / 2.2))
    assert all(torch.equal(one, results[0]) for one in results)
    torch.testing.assert_close(results[0], x ** (1 / 2.2))


def test_a_power_takes_any_layout() -> None:
    x = torch.rand(3, 40, 50).permute(1, 2, 0)
    torch.testing.assert_close(power(x.clone(), 2.4), x**2.4)
