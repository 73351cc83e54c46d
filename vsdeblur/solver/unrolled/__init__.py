"""Unrolled E2 (``solver="unrolled"``): learned steps on key frames and at rendered instants."""
