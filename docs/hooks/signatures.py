"""For the API reference: functions with ``**settings`` are shown with a keyword for each, as editors show them."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import Any

import griffe


class Settings(griffe.Extension):
    """Reads signature and docstring of what ``vsdeblur.settings.signature.takes`` decorates off the function itself."""

    def on_function(self, *, func: griffe.Function, **kwargs: Any) -> None:
        """Called for each function that was read."""
        if not any("takes(" in str(decorator.value) for decorator in func.decorators):
            return
        function = getattr(import_module(func.module.path), func.name)
        kinds = {kind: griffe.ParameterKind(kind.description) for kind in inspect._ParameterKind}
        func.parameters = griffe.Parameters(
            *(
                griffe.Parameter(
                    part.name,
                    kind=kinds[part.kind],
                    annotation=_written(part.annotation),
                    default=None if part.default is part.empty else repr(part.default),
                )
                for part in inspect.signature(function).parameters.values()
            )
        )
        if func.docstring and function.__doc__:
            func.docstring.value = inspect.cleandoc(function.__doc__)


def _written(annotation: Any) -> str | None:
    """A type as a docstring would have it, without the modules that it comes from."""
    if annotation is inspect.Parameter.empty:
        return None
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:collections\.abc|typing|fractions)\.", "", text)
