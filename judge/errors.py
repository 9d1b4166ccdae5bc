"""The exceptions of this package.

    JudgeError
    +-- UnknownLanguageError      a program in a language that the judge has no entry for
    +-- ProgramsFileError         programs.jsonl or verdicts.jsonl cannot be used
    +-- ValidatorError            a problem's own output validator failed
    +-- SandboxError
        +-- SandboxUnavailableError   this machine cannot give the sandbox; the text holds the remedy
        +-- SandboxFaultError         one sandbox failed; a new one may well work

A wrong program never raises: what it does is a verdict. Whatever raises is a fault of the machine, of
the judge or of the caller.
"""

from __future__ import annotations


class JudgeError(Exception):
    """Base of everything that this package raises on its own account."""


class UnknownLanguageError(JudgeError):
    """A language that is not in `judge.languages.LANGUAGES`; the text lists those that are."""


class ProgramsFileError(JudgeError):
    """A row or a file of `orchard judge` that cannot be used; the text names file and line."""


class ValidatorError(JudgeError):
    """A problem's output validator fails, or breaks its limits: see `judge.running.OutputValidator`."""


class SandboxError(JudgeError):
    """Base of what goes wrong with sandboxes."""


class SandboxUnavailableError(SandboxError):
    """The sandbox does not work on this machine.

    Attributes:
        remedy: the command or the setting that mends it.
    """

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(f"{detail}\n{remedy}")
        self.detail = detail
        self.remedy = remedy

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Pickle by the constructor's arguments: the error travels between processes."""
        return type(self), (self.detail, self.remedy)


class SandboxFaultError(SandboxError):
    """A sandbox that was working has failed through no doing of the program in it."""
