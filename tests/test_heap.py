"""Memory between stages."""

from __future__ import annotations

import platform

import psutil
import pytest
import torch

from vsdeblur.heap import release_unused


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps such blocks and can be asked for them")
def test_what_the_heap_keeps_between_blocks_in_use_goes_back() -> None:
    blocks = [torch.ones(2**14) for _ in range(2000)]  # 64 KiB each: from the heap
    kept = blocks[::20]
    del blocks
    before = psutil.Process().memory_info().rss
    release_unused()
    assert before - psutil.Process().memory_info().rss > 80 * 2**20
    assert all(float(block[0]) == 1 for block in kept)
