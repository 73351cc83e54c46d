"""Many files, one after the other: what fails is noted, and the rest goes on.

from vsdeblur.batch import batch

summary = batch("clips", "sharp", factor=2)
assert not summary.failed
"""

from vsdeblur.batch.run import batch
from vsdeblur.batch.summary import Outcome, Summary

__all__ = ["Outcome", "Summary", "batch"]
