"""What may be held beside the plan, so that an accelerator is waited for seldom: sub-frames, and results."""

from __future__ import annotations

import logging

import torch

from vsdeblur.device import free_memory
from vsdeblur.engine.plan import Plan

log = logging.getLogger("vsdeblur")


def spare_bytes(plan: Plan, device: torch.device) -> int:
    """Bytes for either of the two: half of what the budget, and the device, leave free; none on the processor."""
    if device.type == "cpu":
        return 0
    free = free_memory(device)
    if free is not None and free < plan.peak_bytes:
        mebibytes = plan.peak_bytes >> 20, device, free >> 20
        log.warning("max_memory: the work is planned for %dMiB, of which %s has %dMiB free", *mebibytes)
    room = plan.budget if free is None else min(plan.budget, free)
    return max(room - plan.peak_bytes, 0) // 2
