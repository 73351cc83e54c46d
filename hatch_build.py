"""Compiles the native kernels as the package is built, with the compiler of the wheel ``ziglang``.

Where that is not possible the package is built without them, and torch does their work. VSDEBLUR_BUILD_PLATFORM, one of
PLATFORMS, builds a wheel for another platform than this one; VSDEBLUR_NATIVE=0 builds none of them.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLATFORMS = {  # of wheels: the target of Zig
    "manylinux_2_17_x86_64": "x86_64-linux-gnu.2.17",
    "manylinux_2_17_aarch64": "aarch64-linux-gnu.2.17",
    "macosx_11_0_arm64": "aarch64-macos.11.0",
    "macosx_11_0_x86_64": "x86_64-macos.11.0",
    "win_amd64": "x86_64-windows-gnu",
    "win_arm64": "aarch64-windows-gnu",
}
# Of a processor the builds that ``vsdeblur/native/library.py`` chooses among.
BUILDS = {
    "x86_64": {
        "base": "x86_64",
        "avx2": "x86_64+avx2+fma",
        "avx512": "x86_64+avx2+fma+avx512f+avx512vl+avx512bw+avx512dq",
    },
    "aarch64": {"base": "generic"},
}
# No library and no runtime: nothing but the code of the kernels, that of another platform included.
FLAGS = ["-shared", "-O3", "-s", "-nostdlib", "-fno-builtin", "-fno-math-errno", "-fvisibility=hidden"]
FOLDER = "vsdeblur/native"


class NativeKernels(BuildHookInterface[Any]):
    """Adds the compiled kernels to a wheel; of an editable install they lie beside their source."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say for which platform the wheel then is. version: "standard" or "editable"."""
        wanted = os.environ.get("VSDEBLUR_BUILD_PLATFORM")
        if os.environ.get("VSDEBLUR_NATIVE", "1") == "0":
            return
        tag = wanted or _this_platform()
        folder = Path(self.root, FOLDER)
        try:
            built = _compiled(
                folder / "source", folder if version == "editable" else Path(self.root, "build", tag), tag
            )
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            if wanted:
                raise
            detail = getattr(error, "stderr", "") or error
            self.app.display_warning(f"vsdeblur is built without its native kernels: {detail}")
            return
        if version != "editable":
            build_data["force_include"].update({str(path): f"{FOLDER}/{path.name}" for path in built})
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{tag}"


def _this_platform() -> str:
    """The platform that this Python runs on, as wheels name it."""
    name = sysconfig.get_platform()  # such as linux-x86_64, macosx-11.0-universal2, win-amd64
    if name.startswith("macosx"):
        return f"macosx_11_0_{platform.machine()}"
    if platform.libc_ver()[0] == "glibc":
        return name.replace("linux-", "manylinux_2_17_")
    return name.replace("-", "_")


def _compiled(source: Path, folder: Path, tag: str) -> list[Path]:
    """The kernels of a platform from the files in ``source``, written to ``folder``.

    Raises:
        ValueError: For a platform that is not of PLATFORMS.
    """
    if tag not in PLATFORMS:
        raise ValueError(f"{tag} is none of {', '.join(PLATFORMS)}")
    target = PLATFORMS[tag]
    # As ``vsdeblur/native/library.py`` computes it.
    stamp = sha256(b"".join(path.read_bytes() for path in sorted(source.glob("*.[ch]")))).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    built = []
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
        for name, processor in BUILDS[target.split("-")[0]].items():
            path = folder / f"kernels-{name}{'.dll' if 'windows' in target else '.so'}"
            command = [sys.executable, "-m", "ziglang", "cc", "-target", target, f"-mcpu={processor}", *FLAGS]
            made = Path(cache, path.name)
            command += [f'-DKERNELS_SOURCE="{stamp}"', "-o", str(made), *sorted(map(str, source.glob("*.c")))]
            subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
            shutil.copy(made, path.with_suffix(".new"))
            path.with_suffix(".new").replace(path)  # processes that run the old one keep it
            built.append(path)
    return built
