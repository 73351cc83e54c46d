"""The log of a training run: a line of JSON per entry, and a plot of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

LOG, PLOT = "log.jsonl", "log.png"
_CURVES = (("loss", (60, 60, 60)), ("epe", (200, 80, 30)), ("epe_base", (220, 190, 160)))  # blue, green, red
_HEIGHT, _WIDTH, _MARGIN = 360, 640, 48


class Journal:
    """Entries of ``out``/log.jsonl; those later than ``step`` belong to work that was lost and go."""

    def __init__(self, out: Path, step: int) -> None:
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        kept = [e for e in self.entries() if e["step"] <= step] if step else []
        (out / LOG).write_text("".join(json.dumps(e) + "\n" for e in kept))

    def entries(self) -> list[dict[str, Any]]:
        """All entries that the file holds."""
        path = self.out / LOG
        if not path.exists():
            return []
        found = []
        for line in path.read_text().splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                continue  # a line that an interrupt cut short
        return found

    def add(self, entry: dict[str, Any]) -> None:
        """Append one entry."""
        rounded = {k: round(v, 5) if isinstance(v, float) else v for k, v in entry.items()}
        with (self.out / LOG).open("a") as file:
            file.write(json.dumps(rounded) + "\n")

    def plot(self) -> None:
        """Draw loss and errors over the steps into ``out``/log.png."""
        import cv2

        entries = [e for e in self.entries() if "loss" in e]
        if len(entries) < 2:
            return
        steps = np.array([e["step"] for e in entries], float)
        canvas = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
        left, right, top, bottom = _MARGIN, _WIDTH - 12, 12, _HEIGHT - _MARGIN
        cv2.rectangle(canvas, (left, top), (right, bottom), (200, 200, 200))
        curves = [(k, colour) for k, colour in _CURVES if k in entries[-1]]
        shown = [(k, np.array([e.get(k, np.nan) for e in entries]), colour) for k, colour in curves]
        highest = float(np.nanmax([np.nanpercentile(values, 98) for _, values, _ in shown]))
        for row, (key, values, colour) in enumerate(shown):
            x = left + (steps - steps[0]) / max(steps[-1] - steps[0], 1) * (right - left)
            y = bottom - np.clip(values / highest, 0, 1) * (bottom - top)
            points = np.stack((x, y), 1)[~np.isnan(values)].round().astype(np.int32)
            cv2.polylines(canvas, [points[:, None]], False, colour, 1, cv2.LINE_AA)
            cv2.putText(canvas, key, (right - 90, top + 18 + 16 * row), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1)
        for text, at in (
            (f"{highest:.2f}", (4, top + 10)),
            ("0", (left - 14, bottom)),
            (f"step {steps[-1]:.0f}", (right - 90, bottom + 20)),
        ):
            cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1)
        cv2.imwrite(str(self.out / PLOT), canvas)
