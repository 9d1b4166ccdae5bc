"""The prompts of a run, from its settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from problems import Problem
from sampler.config import ConfigError, RunConfig
from sampler.core import Prompt, SamplingParams
from sampler.prompting import FewShotSets, build_prompts, load_examples
from sampler.prompting.build import RenderChat

_CLOSING_FENCE = "\n```"  # a program may hold ``` inside a line; the fence that ends it stands on its own


def make_prompts(config: RunConfig, problems: Iterable[Problem], tokenizer: Any) -> Iterator[Prompt]:
    """Yield the prompts of every problem, in tree order.

    Args:
        config: the run's settings.
        problems: what is to be solved.
        tokenizer: the model's tokenizer, whose chat template may be asked for.

    Raises:
        FewShotError: the examples cannot be had, or there are too few.
        ConfigError: a chat template is asked for and the tokenizer has none.
    """
    few_shot = config.few_shot
    wanted = few_shot.sets > 0 and few_shot.examples > 0
    examples = load_examples(few_shot.source) if wanted else ()
    sets = FewShotSets.deal(examples, few_shot.sets, few_shot.examples, config.seed)
    return build_prompts(
        problems, sets, config.samples, config.prompt.layout, _chat_renderer(config, tokenizer)
    )


def sampling_params(config: RunConfig, prompts: Iterable[Prompt]) -> SamplingParams:
    """How tokens are drawn; where `sampling.stop` is unset, the fence that the prompts open ends a sample."""
    sampling = config.sampling
    opened = all(prompt.opens_fence for prompt in prompts)
    default = (_CLOSING_FENCE,) if opened else ()
    return SamplingParams(
        max_new_tokens=sampling.max_new_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        min_p=sampling.min_p,
        stop=default if sampling.stop is None else sampling.stop,
        stop_at_closed_fence=sampling.stop_at_closed_fence,
        seed=config.seed,
        logprobs=sampling.logprobs,
    )


def _chat_renderer(config: RunConfig, tokenizer: Any) -> RenderChat | None:
    mode = config.prompt.chat_template
    has_one = bool(getattr(tokenizer, "chat_template", None))
    if mode == "on" and not has_one:
        raise ConfigError(
            f"prompt.chat_template is 'on', but the tokenizer of {config.model!r} has no chat template; "
            "use 'auto' or 'off'"
        )
    if mode == "off" or not has_one:
        return None

    def render(message: str) -> str:
        text: str = tokenizer.apply_chat_template(
            [{"role": "user", "content": message}], tokenize=False, add_generation_prompt=True
        )
        return text

    return render
