"""The words in which faults are kept; how actors come and go is in test_faults.py."""

from __future__ import annotations

import pytest
from ray.exceptions import ActorDiedError, ActorUnavailableError, OutOfMemoryError, RayTaskError

from judge import SandboxError
from sampler.pipeline.pools import reason_of

TRACEBACK = """\x1b[36mray::JudgeWorker.__init__()\x1b[39m (pid=1, ip=192.0.2.2, repr=<JudgeWorker>)
           ^^^^^^^^^^^^^
  File "/home/me/actors.py", line 119, in __init__
    self._judge = Judge(sandbox=sandbox)
                  ^^^^^^^^^^^^^^^^^^^^^^
  File "/home/me/judge.py", line 60, in __init__
judge.errors.SandboxUnavailableError: bubblewrap is missing
install it:
  apt-get install bubblewrap"""


def task_error(cause: Exception, text: str) -> RayTaskError:
    return RayTaskError("JudgeWorker.__init__", text, cause)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            ActorDiedError(task_error(SandboxError("it"), TRACEBACK)),
            "SandboxUnavailableError: bubblewrap is missing\ninstall it:\n  apt-get install bubblewrap",
        ),
        (task_error(SandboxError("sandboxes fail"), TRACEBACK), "SandboxError: sandboxes fail"),
        (ActorDiedError(), "its process died (The actor died unexpectedly before finishing this task.)"),
        (
            ActorUnavailableError("\x1b[31mThe actor is restarting.\x1b[0m", None),
            "its process died (The actor None is unavailable: The actor is restarting.. The task may or "
            "may not have been executed on the actor.)",
        ),
        (OutOfMemoryError("Task was killed: 95% full"), "its process died (Task was killed: 95% full)"),
    ],
)
def test_a_reason_is_the_cause_alone(error, reason):
    assert reason_of(error) == reason


def test_the_death_of_a_process_keeps_what_ray_says_last():
    error = ActorDiedError()
    error.error_msg = (
        "The actor died unexpectedly before finishing this task.\n\tclass_name: Judge\n\tpid: 7\n"
        "The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR"
    )
    assert reason_of(error) == (
        "its process died (The actor is dead because its worker process has died. "
        "Worker exit type: SYSTEM_ERROR)"
    )
