"""``vsdeblur compare``: before and after as one page to send to others."""

from __future__ import annotations

import tempfile
from base64 import b64encode
from collections.abc import Iterator
from html import escape
from pathlib import Path

import cv2
import numpy as np

from vsdeblur.engine.ways import WAYS
from vsdeblur.errors import ArgumentError, DeblurError
from vsdeblur.files import written
from vsdeblur.filters.pyav.file.write import write_mp4
from vsdeblur.pages.look import asset, page
from vsdeblur.pages.pairs import Pairing, Picture, resized
from vsdeblur.stills.still import Still, is_still, read_still

WIDTH, DURATION = 1280, 10.0
_CRF = 16  # hardly different from the files themselves
_JPEG = 92
_SPEEDS = {"1": "full", "0.5": "1/2", "0.25": "1/4", "0.125": "1/8"}
_ZOOMS = {"0": "fit", "1": "100%", "2": "200%", "4": "400%"}


def compare(
    before: Path,
    after: Path,
    target: Path,
    *,
    start: float = 0.0,
    duration: float = DURATION,
    width: int = WIDTH,
    offset: float | None = None,
    slow: float | None = None,
    map_path: Path | None = None,
) -> None:
    """Write a page that shows two videos, or two pictures, under one divider; it needs no other file and no network.

    Videos are shown side by side in time: where one takes longer than the other (slow motion), the other one waits.

    Args:
        before: Left of the divider.
        after: Right of it.
        target: The page.
        start: Seconds of ``before`` at which it begins, of videos.
        duration: Seconds of ``after`` that are shown at most, of videos.
        width: Pixels that pictures are wide at most.
        offset: Seconds of ``before`` at which ``after`` begins, where that is of a part; ``start`` counts from there.
        slow: How many times as long ``after`` takes for the same; None by their lengths, where both are whole.
        map_path: How each place of ``after`` was restored, as ``transcode`` with ``map`` wrote it; of videos.

    Raises:
        InputError: One of them cannot be decoded.
        DeblurError: They are not alike, nothing lies in the part asked for, or the page cannot be written.
    """
    stills = is_still(before), is_still(after)
    if stills[0] != stills[1]:
        raise DeblurError(f"one of {before} and {after} is a picture", "give two videos or two pictures")
    if map_path is not None and stills[0]:
        raise ArgumentError("map_path", str(map_path), "left out with pictures, which have none")
    names = escape(before.name), escape(after.name)
    with written(target) as temporary:
        if stills[0]:
            body, remark = _still_body(_jpeg(read_still(before), read_still(after), width)), ""
        else:
            pairing = Pairing.of(
                str(before), str(after), width, offset, slow, None if map_path is None else str(map_path)
            )
            body = _video_body(pairing, start, duration, temporary.parent)
            remark = "" if pairing.slow == 1 else f"<p>The right side is {pairing.slow:.3g} times as slow.</p>"
        sides = f'<div class="sides"><span>before: {names[0]}</span><span>after: {names[1]}</span></div>'
        text = page(
            f"{before.name} and {after.name}", f"<h1>Before and after</h1>{sides}{body}{remark}", asset("slider.js")
        )
        temporary.write_text(text, "utf-8")


def _video_body(pairing: Pairing, start: float, duration: float, folder: Path) -> str:
    counted: list[None] = []

    def stacked() -> Iterator[Picture]:
        for pair in pairing.pairs(start, duration):
            counted.append(None)
            yield np.concatenate(pair)

    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch) / "pairs.mp4"
        write_mp4(path, stacked(), pairing.rate, _CRF)
        if not counted:
            raise DeblurError(f"start {start:g}: there is nothing from there on in both videos", "a smaller one")
        data = b64encode(path.read_bytes()).decode("ascii")
    medium = f'<video id="medium" hidden muted loop playsinline src="data:video/mp4;base64,{data}"></video>'
    count = len(counted)
    moving = (
        '<button id="back" aria-label="one frame back">&#9664;</button><button id="play">Play</button>'
        '<button id="on" aria-label="one frame on">&#9654;</button>'
        f'<label class="wide">frame <input id="place" type="range" min="0" max="{count - 1}" value="0"></label>'
        f'<span id="said"></span>{_choice("speed", "speed", _SPEEDS)}'
    )
    stage = _stage(medium, pairing.size, f' data-rate="{float(pairing.rate)!r}" data-count="{count}"', moving)
    return stage if pairing.map is None else stage + _legend()


def _legend() -> str:
    """What turns the right side into the map, and what its colours mean."""
    rows = "".join(f"<li>{_sample(way.colour)} {escape(way.words)}</li>" for way in WAYS)
    return (
        '<label class="tick"><input type="checkbox" id="map"> right of the divider: how each place was restored</label>'
        f'<ul id="ways" class="ways" hidden>{rows}</ul>'
    )


def _sample(colour: tuple[int, int, int] | None) -> str:
    shown = "none" if colour is None else "rgb({},{},{})".format(*colour)
    return f'<span class="sample" style="background:{shown}"></span>'


def _still_body(pair: tuple[bytes, tuple[int, int]]) -> str:
    data, size = pair
    medium = f'<img id="medium" hidden alt="" src="data:image/jpeg;base64,{b64encode(data).decode("ascii")}">'
    return _stage(medium, size, "", "")


def _stage(medium: str, size: tuple[int, int], data: str, moving: str) -> str:
    return (
        f'{medium}<div class="stage"><canvas id="canvas" width="{size[1]}" height="{size[0]}"{data} role="img" '
        f'aria-label="before on the left of the divider, after on its right"></canvas></div>'
        '<div class="controls"><label class="wide">divider '
        '<input id="divider" type="range" min="0" max="1000" value="500"></label>'
        f"{moving}{_choice('zoom', 'zoom', _ZOOMS)}</div>"
    )


def _choice(name: str, label: str, values: dict[str, str]) -> str:
    options = "".join(f'<option value="{value}">{text}</option>' for value, text in values.items())
    return f'<label>{label} <select id="{name}">{options}</select></label>'


def _jpeg(before: Still, after: Still, width: int) -> tuple[bytes, tuple[int, int]]:
    """Both one above the other, and (H, W) of one of them."""
    first, second = _rgb(before), _rgb(after)
    if first.shape != second.shape:
        sizes = [f"{picture.shape[1]}x{picture.shape[0]}" for picture in (first, second)]
        raise DeblurError(f"one picture is {sizes[0]}, the other {sizes[1]}", "give two of the same picture")
    scale = min(1.0, width / first.shape[1])
    if scale < 1:
        size = max(round(first.shape[0] * scale), 1), width
        first, second = resized(first, size), resized(second, size)
    done, data = cv2.imencode(".jpg", np.concatenate((first, second))[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG])
    if not done:
        raise DeblurError("the pictures cannot be encoded as JPEG", "give a smaller {width}")
    return data.tobytes(), (first.shape[0], first.shape[1])


def _rgb(still: Still) -> Picture:
    import torch

    values = still.upright(still.values)[: still.colours].clamp(0, 1).expand(3, -1, -1)
    return np.ascontiguousarray((values * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())
