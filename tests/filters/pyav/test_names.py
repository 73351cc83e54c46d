"""The names of the package are what they are called after any import: no submodule has one of them."""

from __future__ import annotations

from importlib import import_module, util

import pytest


@pytest.mark.parametrize("package", ["vsdeblur.filters.pyav", "vsdeblur.cluster", "vsdeblur.batch"])
def test_no_submodule_takes_the_name_of_what_is_exported(package: str) -> None:
    names = import_module(package).__all__
    assert names
    assert [name for name in names if util.find_spec(f"{package}.{name}") is not None] == []
