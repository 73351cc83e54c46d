"""Small helpers of tensors."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from vsdeblur.tensors import greatest


@pytest.mark.parametrize("size", [1, 3, 5, 7, 15, 41])
def test_greatest_is_the_maximum_of_the_square_around_each_pixel(size: int) -> None:
    x = torch.randn(2, 3, 19, 30, generator=torch.Generator().manual_seed(size)) - 5
    assert torch.equal(greatest(x, size), F.max_pool2d(F.pad(x, (size // 2,) * 4, value=-torch.inf), size, 1))
