"""What a file's gyroscope says of its picture, and what the camera's path by it is worth.

python benchmarks/gyro.py CLIP [--width 320] [--windows START:FACTOR ...] [--presets fast balanced]

The clip's sharp frames are averaged, FACTOR of them to a blurry one (five of these from START on), and restored with
and without the path. Choose windows in which the camera turns quickly: elsewhere the path is not asked for.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from common import machine, table
from records import HOSTS, write_results
from torch import Tensor

from vsdeblur import restore
from vsdeblur.bench import protocol
from vsdeblur.bench.measures.psnr import mean_psnr
from vsdeblur.camera.path import CameraPath
from vsdeblur.filters.pyav.file.source import Source
from vsdeblur.filters.pyav.inspect.gyro import about, find_alignment
from vsdeblur.filters.pyav.inspect.survey import Survey
from vsdeblur.flow import pairwise
from vsdeblur.window import Window


@contextmanager
def handed(path: CameraPath | None) -> Iterator[None]:
    """Tensors have no gyroscope: the windows of ``restore`` are given its path."""
    plain = pairwise.camera_paths

    def with_path(light: Tensor, window: Window, shutter: float) -> Tensor | None:
        return plain(light, replace(window, camera=path), shutter)

    pairwise.camera_paths = with_path
    try:
        yield
    finally:
        pairwise.camera_paths = plain


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--windows", nargs="+", default=[])
    parser.add_argument("--presets", nargs="+", default=["fast"])
    given = parser.parse_args()
    alignment = find_alignment(Survey(str(given.clip)))
    print(about(alignment))
    if alignment is None:
        return
    with Source(str(given.clip)) as source:
        period = 1 / float(source.rate or 25)
    rows = []
    for window in given.windows:
        start, factor = map(int, window.split(":"))
        sharp = protocol.load(protocol.Clip(given.clip, given.width, start), factor)
        blurry = protocol.blur(sharp, factor, factor)
        v = torch.from_numpy(blurry).permute(0, 3, 1, 2).float() / 255
        size = (v.shape[-2], v.shape[-1])
        path = alignment.path((start - 0.5) * period, factor * period, len(v), size)
        fastest = float(path.pose(torch.arange(len(v)).double() + 0.5)[0].diff(dim=0).norm(dim=1).max())
        for preset in given.presets:
            scores = []
            for told in (None, path):
                with handed(told):
                    u = restore(v, factor, 1.0, preset=preset, quadrature="taps")
                u8 = protocol.to_8bit(u.permute(0, 2, 3, 1).numpy())
                scores.append(mean_psnr(u8, sharp, factor))
            row = [f"{given.clip.stem}@{start}, {factor}/{factor}", preset, f"{fastest:.1f}"]
            rows.append([*row, f"{scores[0]:.2f}", f"{scores[1]:.2f}", f"{scores[1] - scores[0]:+.2f}"])
            print(rows[-1], flush=True)
    head = ["all, dB", "preset", "fastest shift, px per period", "by the frames", "with the gyroscope", "gain"]
    found = {"explained": alignment.explained, "left": alignment.left, "offset": alignment.offset}
    write_results("gyro", {"machine": machine(), "alignment": found, "rows": rows}, table(head, rows), HOSTS)


if __name__ == "__main__":
    main()
