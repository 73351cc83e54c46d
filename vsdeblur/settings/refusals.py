"""Which settings have no effect beside which others: they are refused where they are given, never dropped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vsdeblur.errors import ArgumentError
from vsdeblur.settings.setting import AUTO, NONE
from vsdeblur.settings.table import TABLE, Face, checked

_NO_EFFECT = {  # values that ask for nothing in particular, besides the default
    "scene_cuts": (False,),
    "shutter": (None, AUTO),
}


def refuse_unused(face: Face, given: Mapping[str, Any]) -> None:
    """Refuse what was given and would have no effect.

    Args:
        face: Whose defaults count where nothing is given, and as not given.
        given: Settings as the user gave them; others are left as they are by default.

    Raises:
        ArgumentError: Names the setting, its value, and the setting beside which it has no effect.
    """
    values = {**face.defaults, **given}
    for unused, reason in _cases(face, values):
        for name in unused:
            if name in values and not _is_idle(face, name, values[name]):
                raise ArgumentError(name, values[name], f"left out {reason}")


def _cases(face: Face, values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The names of settings, and beside what they have no effect."""

    def idle(name: str) -> bool:
        return name not in values or _is_idle(face, name, values[name])

    if not idle("slow"):
        yield ("factor", "fps"), "with {slow}, which sets it"
    if not idle("fps"):
        yield ("factor",), "with {fps}, which sets it"
    if not idle("fps_num"):
        yield ("factor",), "with {fps_num}, which sets it"
    if _is_tensor(values.get("flow")):
        yield (
            ("preset", "scene_cuts", "max_memory", "out_shutter", "mode"),
            "where flow is the true motion, all sub-frames at once",
        )
        if values.get("solver") != "asap":
            yield ("solver",), 'or "asap" where flow is the true motion, all sub-frames at once'
    if values.get("solver") == "asap":
        yield ("prior",), "with {solver=asap}, which has a smooth prior of its own"
        yield (
            ("scene_cuts", "max_memory", "out_shutter", "mode"),
            "with {solver=asap}, which takes all sub-frames at once",
        )
    if values.get("solver") == "admm":
        yield ("flow", "mode", "out_shutter", "map", "gyro"), "with {solver=admm}, which knows no motion"
        if values.get("prior") in (None, NONE):
            yield ("prior",), "with {solver=admm}, which takes no step without one"
    for split in ("resume", "segment"):
        if not idle(split):
            yield ("map",), f"with {{{split}}}, which makes the output in parts"
    if values.get("mode", "joint") == "joint":
        yield ("estimator", "deconvolver"), "with {mode=joint}, which restores no frame by itself"
    elif not idle("deconvolver") and values["deconvolver"] != "plug-and-play" and values.get("mode") == "frame":
        yield ("prior",), "with a {deconvolver} other than plug-and-play"
    if values.get("mode") == "frame":
        yield ("solver",), "with {mode=frame}, which solves nothing jointly"
        if values.get("prior") in (None, NONE):
            yield ("prior",), "with {mode=frame}, where plug and play takes no step without one"
        if values.get("prior") == "internal":
            yield ("prior",), 'or "video" with {mode=frame}: one frame is too little to learn from'
        # The output of a VapourSynth script carries the cuts that it was given, whether they are used or not.
        cuts = () if face.name == "deblur" else ("scene_cuts",)
        if all(idle(name) for name in ("factor", "fps", "fps_num", "slow", "out_shutter", "readout")):
            yield (
                ("preset", "shutter", "flow", "gyro", *cuts),
                "with {mode=frame} and {factor=1}: each output is of one frame",
            )
        if idle("readout"):  # which comes in steps with sub-frames
            yield ("quadrature",), "with {mode=frame}, which takes no frame for a mean of sub-frames"


def _is_idle(face: Face, name: str, value: Any) -> bool:
    """Whether a value asks for no more than the default does."""
    default = TABLE[name].default_of(face.name)
    if value is default or any(value is other or value == other for other in _NO_EFFECT.get(name, ())):
        return True
    try:
        return bool(checked(name, value) == checked(name, default))
    except ArgumentError:  # of a value for this face alone, of a time; and a wrong one has its own message
        return False


def _is_tensor(flow: object) -> bool:
    return hasattr(flow, "shape") and not callable(flow)
