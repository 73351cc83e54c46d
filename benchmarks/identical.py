"""Do two checkouts give the same results, byte for byte?

python benchmarks/identical.py OLD NEW [--jobs quick 'tensors/*' pyav]     # two checkouts, run one after the other
python benchmarks/identical.py OLD --store FOLDER                          # keep what OLD gives ...
python benchmarks/identical.py NEW --against FOLDER                        # ... and compare with it, as often as wanted
python benchmarks/identical.py OLD NEW --record                            # note it for stale.py, if all numbers are
python benchmarks/identical.py --list

Each checkout runs the same small jobs in a process of its own, by public names alone: tensors, VapourSynth, PyAV,
files, pictures, estimates and error messages. Outputs are compared with their timestamps, properties and stream facts.
Where a job differs, the first differing part, the largest difference and the least PSNR say whether it is rounding. The
exit code is 1 on any difference. What is kept in a folder compares on the same machine with the same versions only;
jobs whose own code has changed since have to be stored again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from common import table
from identical_jobs import Job, all_jobs, chosen
from identical_jobs.compare import difference, same_numbers
from identical_jobs.outcomes import Outcomes, versions
from records import add_proof, commit_of

HERE = Path(__file__).resolve().parent
UNTOUCHED = {"vsdeblur/synthetic"}  # what no job exercises, though results depend on it


def outcomes_of(checkout: Path, folder: Path, jobs: list[Job]) -> Outcomes:
    """Run the jobs with the package of the checkout; the folder keeps what it gave."""
    if not (checkout / "vsdeblur" / "__init__.py").is_file():
        raise SystemExit(f"{checkout} is no checkout: it has no vsdeblur/__init__.py")
    path = os.pathsep.join(map(str, (checkout.resolve(), HERE)))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-m", "identical_jobs.child", str(checkout.resolve()), str(folder.resolve())]
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run([*command, *(job.name for job in jobs)], cwd=empty, env=environment, check=False)
    outcomes = Outcomes(folder, versions(), commit_of(checkout))
    if done.returncode:
        missing = [job.name for job in jobs if job.name not in outcomes.index]
        raise SystemExit(f"{checkout}: the process ended with {done.returncode} in {missing[:1] or 'its end'}")
    return outcomes


def verdict(job: Job, old: Outcomes, new: Outcomes) -> str:
    """The word same, or what is wrong."""
    for outcomes, side in ((old, "old"), (new, "new")):
        if job.name not in outcomes.index:
            return f"not in {side}: store it again"
        if outcomes.index[job.name].source != job.source:
            return f"the job has changed since {side} was stored: store it again"
        if error := outcomes.index[job.name].error:
            return f"{side} raised {error}"
    return difference(old.parts(job.name), new.parts(job.name)) or "same"


def compare(jobs: list[Job], old: Outcomes, new: Outcomes) -> int:
    """The table on stdout; how many jobs are not the same."""
    if old.made_with != new.made_with:
        raise SystemExit(f"not comparable: {old.made_with} and {new.made_with}")
    verdicts = [verdict(job, old, new) for job in jobs]
    rows = [
        [
            job.name,
            *(f"{side.index[job.name].seconds:.1f}" if job.name in side.index else "" for side in (old, new)),
            said,
        ]
        for job, said in zip(jobs, verdicts, strict=True)
    ]
    totals = [
        f"{sum(side.index[job.name].seconds for job in jobs if job.name in side.index):.0f}" for side in (old, new)
    ]
    differing = sum(said != "same" for said in verdicts)
    print(table(["job", "s old", "s new", "result"], [*rows, ["all", *totals, f"{differing} of {len(jobs)} differ"]]))
    return differing


def record(jobs: list[Job], old: Outcomes, new: Outcomes) -> None:
    """Note in results/identical.json that the two commits give the same numbers.

    Those of jobs about one part of the package may differ: then the note holds for what does not measure that part.
    Texts may differ, and are named.
    """
    if old.commit is None or new.commit is None:
        raise SystemExit("not recorded: a checkout has changes that are not committed, or is none of git")
    different = [job for job in jobs if not same_numbers(old.parts(job.name), new.parts(job.name))]
    if general := [job.name for job in different if job.about is None]:
        raise SystemExit(f"not recorded: pictures or other numbers differ in {', '.join(general)}")
    besides = sorted({job.about for job in different if job.about} | UNTOUCHED)
    words = [job.name for job in jobs if difference(old.parts(job.name), new.parts(job.name))]
    add_proof(old.commit, new.commit, len(jobs), besides, words)


def main(checkouts: list[Path], store: Path | None, against: Path | None, note: bool, jobs: list[Job]) -> int:
    if store is not None:
        kept = outcomes_of(checkouts[0], store, jobs)
        failed = [job.name for job in jobs if kept.index[job.name].error]
        print(f"{len(jobs)} jobs of {checkouts[0]} are kept in {store}" + (f"; failed: {failed}" if failed else ""))
        return int(bool(failed))
    with tempfile.TemporaryDirectory() as folder:
        new = outcomes_of(checkouts[-1], Path(folder) / "new", jobs)
        old = Outcomes(against) if against else outcomes_of(checkouts[0], Path(folder) / "old", jobs)
        differing = compare(jobs, old, new)
        if note:
            record(jobs, old, new)
        return int(differing > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", type=Path, nargs="*", metavar="CHECKOUT", help="OLD and NEW, or the one to run")
    parser.add_argument("--store", type=Path, metavar="FOLDER", help="keep what the checkout gives here")
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="compare with what was kept here")
    parser.add_argument("--jobs", nargs="+", default=[], metavar="PATTERN", help="quick, parts of names, or patterns")
    parser.add_argument("--record", action="store_true", help="note in results/identical.json that they are the same")
    parser.add_argument("--list", action="store_true", help="names of the jobs")
    given = parser.parse_args()
    if given.list:
        print("\n".join(job.name + (" (quick)" if job.quick else "") for job in all_jobs()))
        sys.exit()
    if len(given.checkouts) != (1 if given.store or given.against else 2) or (given.store and given.against):
        parser.error("OLD and NEW, or one checkout with --store or --against")
    if given.record and (given.jobs or given.store):
        parser.error("--record is for a comparison of all jobs")
    selected = chosen(given.jobs)
    if not selected:
        parser.error(f"no job matches {given.jobs}")
    sys.exit(main(given.checkouts, given.store, given.against, given.record, selected))
