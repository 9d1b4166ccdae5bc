from __future__ import annotations

import pytest

from sampler.core import Prompt, SamplingParams


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("max_new_tokens", 0, "a whole number of at least 1"),
        ("max_new_tokens", 1.5, "a whole number of at least 1"),
        ("max_new_tokens", True, "a whole number of at least 1"),
        ("temperature", -0.1, "0 (greedy) or a positive number"),
        ("temperature", float("nan"), "0 (greedy) or a positive number"),
        ("top_p", 0.0, "above 0 and at most 1 (1 is off)"),
        ("top_k", -1, "0 (off) or a positive whole number"),
        ("top_k", 2.5, "0 (off) or a positive whole number"),
        ("min_p", 1.1, "from 0 (off) to 1"),
        ("min_p", float("nan"), "from 0 (off) to 1"),
        ("stop", ("a", ""), "a tuple of strings of at least one character"),
        ("stop", "abc", "a tuple of strings of at least one character"),
        ("stop", (1,), "a tuple of strings of at least one character"),
        ("seed", 2**64, "a whole number from 0 to 2**64 - 1"),
        ("seed", 1.5, "a whole number from 0 to 2**64 - 1"),
    ],
)
def test_a_value_out_of_bounds_is_named_with_what_is_allowed(name, value, allowed):
    with pytest.raises(ValueError, match="sampling parameter") as caught:
        SamplingParams(**{name: value})
    assert str(caught.value) == f"sampling parameter {name} is {value!r}; it must be {allowed}"


@pytest.mark.parametrize("samples", [-3, 1.5, True, "4", None])
def test_a_prompt_says_what_samples_may_be(samples):
    with pytest.raises(ValueError, match=r"prompt 'p': samples is .*how many, from 0 up, or a tuple"):
        Prompt("p", text="x", samples=samples)


def test_the_ends_of_the_bounds_are_allowed():
    params = SamplingParams(max_new_tokens=1, temperature=0, top_p=1, top_k=0, min_p=1, seed=2**64 - 1)
    assert (params.min_p, params.logprobs, params.stop_at_closed_fence) == (1, False, False)
