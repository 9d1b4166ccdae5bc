from __future__ import annotations

import io

from sampler.pipeline.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def row(new_tokens=10, prompt_tokens=100, shared=90):
    return {"new_tokens": new_tokens, "prompt_tokens": prompt_tokens, "shared_prompt_tokens": shared}


def test_the_line_counts_what_is_there_and_what_comes():
    progress = Progress(total=4, stream=io.StringIO())
    progress.count_sample(row())  # of an earlier session
    progress.count_verdict("AC")
    with progress:
        progress.count_sample(row(shared=100))
        progress.count_verdict("WA")
        progress.count_sample(row())
        progress.count_verdict("INTERNAL_ERROR")
        line = progress.line()
    assert "93% of prompts shared" in line
    assert "3 judged" in line
    assert "pass@1 0.500" in line  # INTERNAL_ERROR is no wrong answer


def test_without_a_terminal_a_plain_line_ends_the_session():
    stream = io.StringIO()
    with Progress(total=2, stream=stream, judging=False) as progress:
        progress.count_sample(row())
        progress.count_sample(row())
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("2/2 samples, ")
    assert "judged" not in lines[0]
    assert lines[0].endswith("ETA 00:00")


def test_on_a_terminal_one_line_is_drawn_over_and_over():
    stream = Terminal()
    with Progress(total=2, stream=stream) as progress:
        progress.count_sample(row())
    assert "\r" in stream.getvalue()
    assert "1/2 samples" in stream.getvalue()
    assert "ETA ?" in stream.getvalue()  # nothing judged yet, so nobody knows
