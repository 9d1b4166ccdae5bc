"""Errors of a judge reach the caller's process whole."""

from __future__ import annotations

import pickle

from judge import SandboxUnavailableError


def test_a_missing_sandbox_is_pickled_with_its_remedy():
    error = pickle.loads(pickle.dumps(SandboxUnavailableError("no bwrap", "install it")))
    assert (error.detail, error.remedy, str(error)) == ("no bwrap", "install it", "no bwrap\ninstall it")
