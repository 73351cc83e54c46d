"""``transcode --adapt``: the key frames' network learns from the source first, and the weights that win restore it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsdeblur.errors import ArgumentError
from vsdeblur.pages.quantities import clock
from vsdeblur.settings import parse
from vsdeblur.stores.stored import is_stored

if TYPE_CHECKING:
    from rich.console import Console

    from vsdeblur.training.adapt.report import Learned

FOLDER = ".adapted"  # after the name of the target
ADAPT_HELP = (
    "Let the key frames' network learn from IN first, for this long: 5min, 90s. New weights are taken where they win "
    "on parts of IN that are held out; they stay in OUT.adapted, for the next time too."
)
_WANTED = "a duration such as 5min or 90s"
_PAUSE = 15.0  # seconds between lines of progress


def check_adapt(given: str, source: str, target: str, arguments: dict[str, Any], cluster: str | None) -> float:
    """The minutes that were asked for. Raises ArgumentError for what is none, and where no network learns."""
    try:
        minutes = parse.minutes(given)
    except ValueError:
        raise ArgumentError("adapt", given, _WANTED) from None
    if "-" in (source, target):
        raise ArgumentError("adapt", given, "left out for y4m on standard input or output: it reads IN twice")
    if is_stored(source) or is_stored(target):
        raise ArgumentError("adapt", given, "left out for files in a store: copy IN here first")
    if arguments.get("solver") is not None:
        raise ArgumentError("solver", arguments["solver"], "left out with {adapt}, which chooses the weights")
    if arguments.get("preset") == "fast":
        raise ArgumentError("preset", "fast", "balanced or best with {adapt}: fast has no network that could learn")
    if cluster is not None or arguments.get("segment") is not None:
        name = "cluster" if cluster is not None else "segment"
        value = cluster if cluster is not None else arguments["segment"]
        raise ArgumentError(
            name, value, "left out with {adapt}: run vsdeblur adapt once, and give all machines its --solver"
        )
    return minutes


def adapted(
    source: str, target: str, minutes: float, arguments: dict[str, Any], console: Console
) -> tuple[str | None, str]:
    """Adapt to the source, or take what an earlier call has learned from it.

    Args:
        source: The file.
        target: What it is restored to; beside it lies the folder of the weights.
        minutes: Of work.
        arguments: Of transcode: they give shutter, transfer function and device.
        console: For progress.

    Returns:
        The solver with the weights that were kept, None for the bundled ones; and which they are, in words.
    """
    from vsdeblur.device import choose_device
    from vsdeblur.settings import checked
    from vsdeblur.training.adapt import KEY_FRAMES
    from vsdeblur.training.adapt.report import CLIPS, finished
    from vsdeblur.training.adapt.run import adapt

    folder = Path(target + FOLDER)
    shutter, transfer = _camera(source, arguments)
    device = arguments.get("device")
    where = None if device is None else str(choose_device(checked("device", device)))
    said = [("", 0.0)]

    def say(what: str, seconds: float, left: float | None) -> None:
        if what != said[-1][0] or seconds - said[-1][1] >= _PAUSE:
            said[:] = [(what, seconds)]
            console.print(f"adapt: {what}" + ("" if left is None else f", {clock(max(left, 0))} left"))

    clips: list[Path] = [Path(source)]
    known: dict[str, Any] = {"shutter": shutter, "transfer": transfer}
    found = finished(folder, clips, minutes, (KEY_FRAMES,), **known)
    if found is None:
        found = adapt(clips, folder, minutes, **known, device=where, resume=(folder / CLIPS).exists(), say=say)
    (own,) = found.networks
    words = _words(own)
    console.print(f"adapt: {words}")
    if not own.kept:
        return None, words
    weights = folder if arguments.get("preset") == "best" else folder / "unrolled.safetensors"
    return f"unrolled:{weights}", words


def _camera(source: str, arguments: dict[str, Any]) -> tuple[float, str]:
    """Shutter and transfer function that the source will be restored with; its estimates are made once."""
    from vsdeblur.filters.pyav.file.read import frame_rate
    from vsdeblur.filters.pyav.file.reading import ReadOptions
    from vsdeblur.filters.pyav.inspect.calibration import calibrate

    given: dict[str, Any] = {name: arguments[name] for name in ("shutter", "transfer") if name in arguments}
    read = ReadOptions.taken_from(dict(arguments))
    found = calibrate(source, read.source_fps or frame_rate(Path(source)), given, read=read)
    return found.options.shutter, found.options.transfer or "bt709"


def _words(found: Learned) -> str:
    mean = sum(found.gains) / max(len(found.gains), 1)
    what = "new weights kept" if found.kept else "the bundled weights stay"
    return f"{what}: agreement {mean:+.3f} dB in the mean of {len(found.gains)} held-out parts, {found.steps} steps"
