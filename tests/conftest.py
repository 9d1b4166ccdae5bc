from __future__ import annotations

import os
import signal

import torch

# A shell that starts the tests in the background leaves SIGINT ignored, and every child inherits that; the
# tests of interrupts need it as a terminal has it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Where there is no GPU, Triton's kernels run in its interpreter. Triton reads this when it is first imported,
# which any test's imports may do, so it is set before all of them.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")
