"""Problem sets: what is to be solved."""

from problems.problem import CheckerSpec, Limits, Problem, ProblemError, Submission, TestCase
from problems.selection import open_problems

__all__ = ["CheckerSpec", "Limits", "Problem", "ProblemError", "Submission", "TestCase", "open_problems"]
