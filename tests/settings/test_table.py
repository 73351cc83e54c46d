"""The table of settings, and what is made of it: options, signatures, docstrings, commands, the reference page."""

from __future__ import annotations

import dataclasses
import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import click
import numpy as np
import pytest
import vapoursynth as vs

import vsdeblur
from vsdeblur.cli import main
from vsdeblur.errors import ArgumentError, UnknownArgumentError
from vsdeblur.filters import pyav
from vsdeblur.settings import DEFAULT_SHUTTER, Options, checked, parse_options
from vsdeblur.settings.table import DEBLUR, DEBLUR_FRAMES, IMAGE, INSPECT, RESTORE, TABLE, TRANSCODE, Face

FUNCTIONS: list[tuple[Face, Callable[..., Any], tuple[Any, ...]]] = [
    (DEBLUR, vsdeblur.deblur, (vs.core.std.BlankClip(length=1),)),
    (DEBLUR_FRAMES, pyav.deblur_frames, ([],)),
    (TRANSCODE, pyav.transcode, ("in.mp4", "out.mp4")),
    (RESTORE, vsdeblur.restore, (np.zeros((1, 3, 16, 16), np.float32),)),
]
OWN = {"clip", "frames", "src", "dst", "v", "progress", "record", "proxy"}


def test_options_have_the_settings_of_restoring() -> None:
    fields = {field.name for field in dataclasses.fields(Options)}
    assert fields == set(RESTORE.names) | {"auto_shutter", "given_as_time"}


def test_options_default_to_the_tables_defaults() -> None:
    assert parse_options() == Options(auto_shutter=True)
    assert parse_options(**{name: TABLE[name].default for name in RESTORE.names}) == parse_options()
    assert Options().shutter == DEFAULT_SHUTTER


@pytest.mark.parametrize(("face", "function", "arguments"), FUNCTIONS, ids=lambda value: getattr(value, "name", ""))
def test_signatures_show_every_setting_with_its_default(
    face: Face, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    parameters = dict(inspect.signature(function).parameters)
    assert {name: parameters.pop(name).default for name in face.names} == face.defaults
    assert parameters.keys() <= OWN
    assert all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters.values())


def test_restore_takes_its_arguments_in_the_order_of_the_contract() -> None:
    order = ["v", "factor", "shutter", "transfer", "preset", "flow", "quadrature"]
    parameters = list(inspect.signature(vsdeblur.restore).parameters.values())
    assert [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD] == order


@pytest.mark.parametrize(("face", "function", "arguments"), FUNCTIONS, ids=lambda value: getattr(value, "name", ""))
def test_docstrings_have_an_entry_for_every_setting(
    face: Face, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    text = inspect.getdoc(function) or ""
    for name in face.names:
        assert f"\n    {name}: " in text
    assert "**settings" not in text
    assert max(map(len, (function.__doc__ or "").splitlines())) <= 120


@pytest.mark.parametrize(("face", "function", "arguments"), FUNCTIONS, ids=lambda value: getattr(value, "name", ""))
def test_a_wrong_name_is_answered_by_the_closest_right_one(
    face: Face, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    with pytest.raises(UnknownArgumentError) as caught:
        function(*arguments, shuter=0.5)
    assert str(caught.value) == f"{face.name} has no argument 'shuter': did you mean shutter?"
    with pytest.raises(TypeError, match=rf"no argument 'zzz': help\({face.name}\)"):
        function(*arguments, zzz=1)


@pytest.mark.parametrize("face", [TRANSCODE, INSPECT, IMAGE], ids=lambda face: face.name)
def test_commands_have_an_option_for_every_setting(face: Face) -> None:
    options = {option.name: option for option in main.commands[face.name].params if isinstance(option, click.Option)}
    assert face.names <= options.keys()
    for name in face.names:
        assert TABLE[name].choices == tuple(getattr(options[name].type, "choices", ()))
        assert options[name].help


def test_every_default_is_a_value_that_the_setting_takes() -> None:
    for setting in TABLE.values():
        if setting.name != "shutter":  # None is no value but a request to estimate it
            checked(setting.name, setting.default)


def test_values_of_one_face_alone_say_where_they_work() -> None:
    for setting in TABLE.values():
        for value in setting.extras:
            with pytest.raises(ArgumentError, match=rf"^{setting.name} must be used with .*; here .*'{value}'$"):
                parse_options(**{setting.name: value})


def test_settings_need_no_heavy_import() -> None:
    code = "import sys, vsdeblur.settings.table, vsdeblur.settings.signature; "
    code += "print([m for m in ('torch', 'av', 'cv2', 'numpy', 'kornia', 'vapoursynth') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
