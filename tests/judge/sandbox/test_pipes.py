"""The host's ends of a run's pipes."""

from __future__ import annotations

import os

from judge.sandbox.pipes import OutputPipes


def test_output_that_was_taken_back() -> None:
    """A program that has the host's user may read its own pipe, and be quicker than the host."""
    with OutputPipes(100) as pipes:
        for descriptor in pipes.read_ends():
            assert pipes.drain(descriptor)
        os.write(pipes.write_ends()[0], b"x")
        assert pipes.drain(pipes.read_ends()[0])
        assert not pipes.drain_rest()
        pipes.close_write_ends()
        assert pipes.drain_rest()
        assert pipes.output == b"x"


def test_end_of_a_stream() -> None:
    with OutputPipes(100) as pipes:
        pipes.close_write_ends()
        assert not pipes.drain(pipes.read_ends()[0])
