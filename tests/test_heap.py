"""Memory between stages."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

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


_WHERE = """
import ctypes, threading
from vsdeblur.heap import share_one_heap
libc = ctypes.CDLL(None)
for name in ("malloc", "sbrk"):
    getattr(libc, name).restype = ctypes.c_size_t
{first}
found = []
thread = threading.Thread(target=lambda: found.append(libc.malloc(100_000)))
thread.start(); thread.join()
print(found[0] < libc.sbrk(0))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="heaps of threads are glibc's")
@pytest.mark.parametrize(("first", "in_the_main_heap"), [("", "False"), ("share_one_heap()", "True")])
def test_threads_that_begin_later_share_the_main_heap(first: str, in_the_main_heap: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", _WHERE.format(first=first)], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == in_the_main_heap
