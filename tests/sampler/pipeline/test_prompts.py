from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from problems import open_problems
from sampler.config import ConfigError, load_config
from sampler.engine.tokenization import load_tokenizer, tokenize
from sampler.pipeline.dry_run import describe_run
from sampler.pipeline.prompts import make_prompts, sampling_params
from tree_attention import PromptTree

TEMPLATE = (
    "{{ bos_token }}<user>{{ messages[0]['content'] }}</user>{% if add_generation_prompt %}<bot>{% endif %}"
)
BASE = {"problems": "bundled?difficulty=easy&limit=3", "samples": 4, "few_shot.sets": 2}


@pytest.fixture
def tokenizer():
    return load_tokenizer("demo")


def prompts_of(tokenizer, **more):
    config = load_config(None, BASE | {name.replace("__", "."): value for name, value in more.items()})
    return config, list(make_prompts(config, open_problems(config.problems), tokenizer))


def test_every_sample_is_in_one_prompt(tokenizer):
    _, prompts = prompts_of(tokenizer)
    keys = [(prompt.problem_id, index) for prompt in prompts for index in prompt.sample_indices]
    assert len(set(keys)) == len(keys) == 12
    assert len({prompt.prompt_id for prompt in prompts}) == len(prompts) == 6


@pytest.mark.parametrize("layout", ["problem-first", "fewshot-first"])
def test_the_tokens_along_a_path_are_those_of_the_whole_prompt(tokenizer, layout):
    _, prompts = prompts_of(tokenizer, prompt__layout=layout)
    tree = PromptTree.from_sequences([tokenize(tokenizer, prompt) for prompt in prompts])
    for number, prompt in enumerate(prompts):
        along = np.concatenate([node.tokens for node in tree.path(number)]).tolist()
        assert along == tokenizer(prompt.text)["input_ids"]
    assert tree.total_tokens < sum(len(tokenize(tokenizer, prompt)) for prompt in prompts)


def test_no_problem_is_its_own_example(tokenizer):
    _, prompts = prompts_of(
        tokenizer, problems="bundled?difficulty=easy", few_shot__sets=3, few_shot__examples=2
    )
    titles = {problem.problem_id: problem.title for problem in open_problems("bundled")}
    for prompt in prompts:
        assert prompt.text.count(f"# Problem: {titles[prompt.problem_id]}\n") == 1
        assert prompt.text.count("# Solution to: ") == 3


def test_the_opened_fence_ends_a_sample_unless_stops_are_given(tokenizer):
    config, prompts = prompts_of(tokenizer)
    assert sampling_params(config, prompts).stop == ("\n```",)
    config, prompts = prompts_of(tokenizer, sampling__stop=["END"])
    assert sampling_params(config, prompts).stop == ("END",)


def test_each_sampling_setting_reaches_the_engine(tokenizer):
    chosen = {
        "max_new_tokens": 9,
        "temperature": 0.3,
        "top_p": 0.4,
        "top_k": 5,
        "min_p": 0.6,
        "stop": ("END",),
        "stop_at_closed_fence": True,
        "logprobs": True,
    }
    config, prompts = prompts_of(tokenizer, seed=8, **{f"sampling__{key}": chosen[key] for key in chosen})
    assert asdict(sampling_params(config, prompts)) == chosen | {"seed": 8}


def test_a_chat_template_is_used_where_there_is_one(tokenizer):
    tokenizer.chat_template = TEMPLATE
    config, prompts = prompts_of(tokenizer)
    for prompt in prompts:
        assert prompt.text.split("<user>")[1].startswith("# Problem: ")
        assert prompt.text.endswith("</user><bot>")
        assert not prompt.add_special_tokens
    assert sampling_params(config, prompts).stop == ()
    _, plain = prompts_of(tokenizer, prompt__chat_template="off")
    assert all(prompt.opens_fence for prompt in plain)


def test_a_chat_template_that_is_not_there_is_named(tokenizer):
    with pytest.raises(ConfigError, match="has no chat template"):
        prompts_of(tokenizer, prompt__chat_template="on")


def test_the_dry_run_shows_tree_prompt_and_plan(tokenizer):
    config, prompts = prompts_of(tokenizer, ray__unit_samples=5)
    text = "\n".join(describe_run(config))
    assert prompts[0].text in text
    assert "read by 4 samples" in text
    assert "read by 2 samples" in text
    assert f"{prompts[1].path[0]} > fewshot:1: samples 1, 3" in text
    unshared = 2 * sum(len(tokenize(tokenizer, prompt)) for prompt in prompts)
    assert f"{unshared:,}   unshared" in text
    assert "units of work                  3" in text


def test_the_dry_run_shows_all_of_the_first_problem_where_few_shot_sets_come_first(tokenizer):
    config, prompts = prompts_of(tokenizer, prompt__layout="fewshot-first", few_shot__sets=2)
    name = prompts[0].problem_id
    tree = "\n".join(describe_run(config)).split("first prompt, ")[0]
    assert f"fewshot:0 > problem:{name}: samples 0, 2" in tree
    assert f"fewshot:1 > problem:{name}: samples 1, 3" in tree
    assert tree.count("problem:") == 2
