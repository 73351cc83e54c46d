"""The VapourSynth filter: one line in a script.

How the graph is built. Every output frame comes from a chunk of source frames, and a chunk has to be solved once
however many of its frames are asked for. So there is a tiny inner clip with one frame, a parcel, for as many chunks as
are solved at once: its inputs are their window (one clip per position of the window, so that VapourSynth itself fetches
and waits for them), and it carries the finished output frames as properties. The core lets many requests wait for the
same parcel, and keeps the last few. Output frame n asks for its parcel and takes its frame out.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Unpack

import vapoursynth as vs

from vsdeblur.errors import DeblurError
from vsdeblur.settings import Options, parse_options
from vsdeblur.settings.engine import Number
from vsdeblur.settings.hosts import ScriptSettings
from vsdeblur.settings.refusals import refuse_unused
from vsdeblur.settings.signature import takes
from vsdeblur.settings.table import DEBLUR
from vsdeblur.timing import output_count

if TYPE_CHECKING:
    from vsdeblur.filters.vapoursynth.chunk import ChunkSolver

_LONGEST = 2**31 - 1  # frames in a VapourSynth clip
_FRAME = "vsdeblur_frame_{}"
_ERROR = "vsdeblur_error_{}"
_NODES = 2  # parcels that requests in flight lie in; finished ones wait with them


@takes(DEBLUR)
def deblur(
    clip: vs.VideoNode,
    factor: Number = 1,
    *,
    proxy: bool = False,
    **settings: Unpack[ScriptSettings],
) -> vs.VideoNode:
    """Remove motion blur and raise the frame rate: a sharp clip of ``factor`` times the frames.

    Args:
        clip: YUV, RGB or GRAY, 8 to 16 bit integer, half or float, any subsampling, constant format and size,
            progressive. Colour is converted by the frames' props. Missing ones mean: matrix smpte170m up to 576 lines,
            else bt709; limited range, RGB full; transfer bt709, RGB srgb; chroma left. Alpha in the prop ``_Alpha``
            follows the same motion (a separate alpha clip: attach it with std.ClipToProp).
        proxy: Give back source frames, each as often as outputs come from its period, in place of restored ones: a clip
            of the same number of frames that costs nothing, for programs that look for scenes in one (Av1an).
        **settings: See [Settings](settings.md).

    Returns:
        A clip of the same format, size and props with floor(frames * factor) frames; durations are rescaled, and
        ``_AbsoluteTime`` is moved to each frame's own time.

    Raises:
        vs.Error: "deblur: ..." for anything wrong that can be known before frames are there; what is wrong with a frame
            (interlaced, a matrix that cannot be undone) fails the outputs that come from it.
    """
    try:
        if not isinstance(clip, vs.VideoNode):
            raise DeblurError(f"clip must be a VideoNode, not {type(clip).__name__}")
        check_format(clip)
        rate = clip.fps if clip.fps_num else None
        chosen: dict[str, Any] = {"factor": factor, **settings}
        options = parse_options(rate=rate, **chosen)
        refuse_unused(DEBLUR, chosen)
        length = output_count(clip.num_frames, options.factor)
        if length > _LONGEST:
            raise DeblurError(f"a clip cannot have {length} frames: lower factor, or Trim the clip first")
        if proxy:
            return _proxy(clip, options.factor, rate)
        return _build(clip, options, rate, uniform=chosen.get("fps_num") is not None)
    except DeblurError as error:
        raise vs.Error(f"deblur: {error}") from None


def check_format(clip: vs.VideoNode) -> None:
    """Raises DeblurError for a format that cannot be restored."""
    fmt = clip.format
    if not clip.width or fmt is None or fmt.color_family == vs.UNDEFINED:
        raise DeblurError("clip has a variable format or size: make it constant with resize first")
    if fmt.sample_type == vs.INTEGER and fmt.bits_per_sample > 16:
        raise DeblurError(f"clip must be 8 to 16 bit integer, half or float, not {fmt.name}: convert with resize first")


def _raised(rate: Fraction | None, factor: Fraction) -> Fraction | None:
    """The rate of the outputs; None where the clip has none. Raises DeblurError for one that no clip can have."""
    from vsdeblur.filters.vapoursynth.props import representable

    out = representable(rate * factor) if rate else None
    if rate and not out:
        raise DeblurError(f"a clip cannot have {rate * factor} frames per second: set its rate with std.AssumeFPS")
    return out


def _proxy(clip: vs.VideoNode, factor: Fraction, rate: Fraction | None) -> vs.VideoNode:
    """Output j is source frame floor(j / factor); nothing is restored."""
    out_rate, length = _raised(rate, factor), output_count(clip.num_frames, factor)
    blank = clip.std.BlankClip(length=length, keep=True)

    @lru_cache(maxsize=_NODES)
    def repeated(n: int) -> vs.VideoNode:
        return clip.std.Trim(first=n, length=1).std.Loop()

    shown = blank.std.FrameEval(lambda n: repeated(int(n / factor)), clip_src=[clip])
    return shown.std.AssumeFPS(fpsnum=out_rate.numerator, fpsden=out_rate.denominator) if out_rate else shown


def _build(clip: vs.VideoNode, options: Options, rate: Fraction | None, *, uniform: bool) -> vs.VideoNode:
    from vsdeblur.filters.vapoursynth.chunk import ChunkSolver
    from vsdeblur.filters.vapoursynth.props import ClipTiming

    out_rate = _raised(rate, options.factor)
    if clip.gpu_resident:
        clip = clip.std.GPUDownload()
    timing = ClipTiming(clip.num_frames, rate, uniform)
    solver = ChunkSolver(options, clip.format, clip.width, clip.height, timing)
    parcels = _parcels(clip, solver, options)
    length = output_count(clip.num_frames, options.factor)

    @lru_cache(maxsize=_NODES)
    def parcel(number: int) -> vs.VideoNode:
        single = parcels.std.Trim(first=number, length=1)
        # Asking ``parcels`` anew for each output made the process grow by 3 KB an output; this takes most of that away.
        single.std.SetVideoCache(mode=1, fixedsize=1, maxsize=1)
        forever = single.std.Loop()
        forever.std.SetVideoCache(mode=0)
        return forever

    def parcel_of(n: int) -> vs.VideoNode:
        return parcel(solver.parcel_of(n))

    def take(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        error = f.props.get(_ERROR.format(n))
        if error is not None:
            raise vs.Error(f"deblur: {error}")
        return f.props[_FRAME.format(n)]

    waiting = parcels.std.BlankClip(length=length, keep=True).std.FrameEval(parcel_of, clip_src=[parcels])
    fps = {"fpsnum": out_rate.numerator, "fpsden": out_rate.denominator} if out_rate else {"fpsnum": 0, "fpsden": 0}
    return clip.std.BlankClip(length=length, keep=True, **fps).std.ModifyFrame([waiting], take)


def _parcels(clip: vs.VideoNode, solver: ChunkSolver, options: Options) -> vs.VideoNode:
    """The clip with one frame per parcel, which carries its output frames, or what went wrong, as properties."""
    parcels, length = solver.parcels, solver.length
    # Blank frames stand in for those before the start and after the end. Without a copy of the ends no source is asked
    # for a frame twice, and a player's endless clip is never asked for its end.
    blank = clip.std.BlankClip(length=1, keep=True)
    # One at least: the cache set below is not the source's.
    after = parcels * length + solver.grid.reach - clip.num_frames + 1
    padded = clip + blank.std.Loop(after)
    if solver.grid.reach:
        padded = blank.std.Loop(solver.grid.reach) + padded
    # Neighbouring windows share their halo.
    padded.std.SetVideoCache(mode=1, fixedsize=1, maxsize=solver.window_length)
    window = [padded.std.Trim(first=k) for k in range(solver.window_length)]
    if length > 1:  # SelectEvery knows no cycle of 1, and would scale durations
        window = [node.std.SelectEvery(length, 0, modify_duration=False) for node in window]
    tiny = clip.std.BlankClip(width=16, height=16, format=vs.GRAY8, length=parcels, keep=True)

    def solve(n: int, f: Sequence[vs.VideoFrame]) -> vs.VideoFrame:
        from vsdeblur.engine.shared import run_alone

        parcel = f[0].copy()
        try:
            found = run_alone(options.device, lambda: solver.solve_parcel(n, f[1:]))
        finally:
            for frame in f:
                frame.close()  # an error's traceback would keep them
        for output, outcome in found.items():
            form = _ERROR if isinstance(outcome, str) else _FRAME
            parcel.props[form.format(output)] = outcome
        return parcel

    solved = tiny.std.ModifyFrame([tiny, *window], solve)
    solved.std.SetVideoCache(mode=1, fixedsize=1, maxsize=_kept_parcels(solver))
    return solved


def _kept_parcels(solver: ChunkSolver) -> int:
    """How many finished parcels wait in the core's cache: those of the plan, and more where the budget has room."""
    from vsdeblur.engine.host_frames import PARCELS

    room = solver.budget - solver.peak_bytes
    more = max(room, 0) // max(solver.frame_bytes * len(solver.outputs(0)) * solver.at_once, 1)
    return min(PARCELS - 1 + int(more), 16)
