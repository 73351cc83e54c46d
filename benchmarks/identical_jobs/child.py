"""Runs jobs of one checkout, which is first on the path: ``python -m identical_jobs.child CHECKOUT FOLDER JOB ...``.

Every job runs in a folder of its own; what it hands back is saved as FOLDER/JOB.npz, with a line in index.json.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
from records import commit_of

from identical_jobs import Job, all_jobs
from identical_jobs.outcomes import Outcome, Outcomes, versions


def run(job: Job, outcomes: Outcomes) -> None:
    """The job, in an empty folder."""
    here = Path.cwd()
    begin = time.perf_counter()
    parts: dict[str, np.ndarray[Any, Any]] = {}
    error = ""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for label, value in job.run():
                if label in parts:
                    raise ValueError(f"two parts are named {label}")
                parts[label] = np.array(value)
        except Exception as raised:
            traceback.print_exc(limit=-4)
            error = f"{type(raised).__name__}: {raised}".splitlines()[0]
        finally:
            os.chdir(here)
    outcomes.save(job.name, Outcome(round(time.perf_counter() - begin, 2), job.source, error), parts)


def main(checkout: Path, folder: Path, names: list[str]) -> None:
    import vsdeblur

    if not Path(vsdeblur.__file__).resolve().is_relative_to(checkout.resolve()):
        raise SystemExit(f"vsdeblur is imported from {vsdeblur.__file__}, not from {checkout}")
    jobs = {job.name: job for job in all_jobs()}
    outcomes = Outcomes(folder, versions(), commit_of(checkout))
    for name in names:
        run(jobs[name], outcomes)
        print(f"{checkout.name}: {name}, {outcomes.index[name].seconds} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
