"""Problem sets: what is to be solved."""

from problems.problem import CheckerSpec, Limits, Problem, ProblemError, Submission, TestCase

__all__ = ["CheckerSpec", "Limits", "Problem", "ProblemError", "Submission", "TestCase"]
