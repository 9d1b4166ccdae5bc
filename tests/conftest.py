from __future__ import annotations

import signal

# A shell that starts the tests in the background leaves SIGINT ignored, and every child inherits that; the
# tests of interrupts need it as a terminal has it.
signal.signal(signal.SIGINT, signal.default_int_handler)
