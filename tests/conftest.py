"""One thread for torch, here and in every process that a test starts: these tensors are too small to share out."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
