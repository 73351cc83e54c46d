"""Motion seen three ways, side by side: by DIS, by the learned network, and between the sharp frames themselves.

Films a generated scene with a slow shutter, and writes flow.png and flow.html.
Run it with: python examples/flow.py [OUT]
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import torch

from vsdeblur.flow import find_motion_engine
from vsdeblur.flow.dis import DisFlow
from vsdeblur.synthetic.scene import Scene, film
from vsdeblur.window import Window

HEIGHT, WIDTH, PERIODS, FACTOR, SHUTTER = 144, 256, 3, 8, 0.875
PAGE = """<!doctype html><meta charset="utf-8"><title>Motion, three ways</title>
<style>body{font:16px sans-serif;max-width:60em;margin:2em auto}img{width:100%}</style>
<h1>Motion, three ways</h1>
<p>From left to right: the blurry frame; its motion to the next one by DIS; by the network (flow="blur"); and by DIS
between the sharp frames at the middles of the two exposures. Colour is direction, strength is speed. The last one is no
truth either: beside what moves, it shows how DIS guesses at what is hidden in the next frame.</p>
<img src="flow.png" alt="flow by DIS, by the network, between the sharp frames">
"""


def coloured(flow: torch.Tensor, fastest: float) -> np.ndarray:
    """(2, H, W) pixels -> (H, W, 3) BGR: hue is direction, saturation is speed."""
    x, y = flow.numpy()
    hue = (np.degrees(np.arctan2(y, x)) % 360 / 2).astype(np.uint8)
    strength = (np.clip(np.hypot(x, y) / fastest, 0, 1) * 255).astype(np.uint8)
    hsv = np.stack((hue, strength, np.full_like(hue, 255)), -1)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def main(out: Path) -> None:
    sharp, blurry = film(Scene(HEIGHT, WIDTH), PERIODS, FACTOR, SHUTTER, lambda light: light.clip(0, 1) ** (1 / 2.2))
    frames = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
    window, n = Window(frames, 0, 0, PERIODS), PERIODS // 2

    def onward(name: str) -> torch.Tensor:
        path = find_motion_engine(name, linear=False)(window, SHUTTER).path[n]
        return path[:2] + path[2:] / 2

    middle = n * FACTOR + int(SHUTTER * FACTOR) // 2
    here, there = (torch.from_numpy(sharp[k]).permute(2, 0, 1).float() / 255 for k in (middle, middle + FACTOR))
    flows = [onward("dis"), onward("blur"), DisFlow()(here, there)]
    fastest = float(torch.quantile(flows[-1].norm(dim=0), 0.99))
    picture = np.concatenate([blurry[n][..., ::-1], *(coloured(flow, fastest) for flow in flows)], 1)
    out.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out / "flow.png"), picture)
    (out / "flow.html").write_text(PAGE, encoding="utf-8")
    print(f"written: {out / 'flow.png'}, {out / 'flow.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("flow-example"))
