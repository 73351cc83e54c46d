"""Settings, defined once: the table, the checks, and what each face shows of them."""

from vsdeblur.settings.engine import MODES, QUADRATURES
from vsdeblur.settings.hosts import DEFAULT_SHUTTER, PRESETS
from vsdeblur.settings.options import Options, parse_options
from vsdeblur.settings.parse import MAX_FACTOR, is_time
from vsdeblur.settings.setting import AUTO, FIT, TELEMETRY
from vsdeblur.settings.table import checked

__all__ = [
    "AUTO",
    "DEFAULT_SHUTTER",
    "FIT",
    "MAX_FACTOR",
    "MODES",
    "PRESETS",
    "QUADRATURES",
    "TELEMETRY",
    "Options",
    "checked",
    "is_time",
    "parse_options",
]
