"""What a run would do, in words: the prompt tree of its first problem, its first prompt, its plan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from problems import open_problems
from sampler.config import RunConfig
from sampler.core import Prompt
from sampler.pipeline.prompts import make_prompts, sampling_params
from sampler.pipeline.units import make_units
from tree_attention import PromptTree


def describe_run(config: RunConfig) -> Iterator[str]:
    """Yield the lines that `--dry-run` prints.

    Raises:
        ProblemError, FewShotError, EngineError, ConfigError: as a run would.
    """
    from sampler.engine.tokenization import load_tokenizer, tokenize

    problems = list(open_problems(config.problems))
    tokenizer = load_tokenizer(config.model)
    prompts = list(make_prompts(config, problems, tokenizer))
    tokens = [tokenize(tokenizer, prompt) for prompt in prompts]
    # Not always the first few: few-shot sets at the root put all problems between a problem's prompts.
    first = [number for number, prompt in enumerate(prompts) if prompt.problem_id == prompts[0].problem_id]
    yield f"prompt tree of the first problem, {prompts[0].problem_id}"
    yield from _drawn([prompts[number] for number in first], [tokens[number] for number in first])
    yield ""
    yield f"first prompt, {prompts[0].prompt_id} ({len(tokens[0])} tokens)"
    yield "-" * 72
    yield prompts[0].text or ""
    yield "-" * 72
    yield ""
    yield from _plan(config, prompts, tokens)


def _drawn(prompts: Sequence[Prompt], tokens: Sequence[Sequence[int]]) -> Iterator[str]:
    """The token tree, a line a node: its tokens, the samples that read it, the prompts that end there."""
    tree = PromptTree.from_sequences(tokens)
    samples = [0] * len(tree)
    for prompt, leaf in zip(prompts, tree.leaves, strict=True):
        for node in leaf.path():
            samples[node.index] += len(prompt.sample_indices)
    for node in tree:
        indent = "  " * len(node.path())
        yield f"{indent}{node.length} tokens, read by {samples[node.index]} samples"
        for number in node.ending:
            prompt = prompts[number]
            yield f"{indent}  {' > '.join(prompt.path)}: {_ranges(prompt.sample_indices)}"


def _plan(config: RunConfig, prompts: Sequence[Prompt], tokens: Sequence[Sequence[int]]) -> Iterator[str]:
    samples = sum(len(prompt.sample_indices) for prompt in prompts)
    unshared = sum(len(prompt.sample_indices) * len(ids) for prompt, ids in zip(prompts, tokens, strict=True))
    units = list(make_units(prompts, (), config.ray.unit_samples))
    ids = {prompt.prompt_id: tuple(one) for prompt, one in zip(prompts, tokens, strict=True)}
    shared = sum(
        PromptTree.from_sequences([ids[prompt.prompt_id] for prompt in unit.prompts]).total_tokens
        for unit in units
    )
    params = sampling_params(config, prompts)
    yield "plan"
    yield f"  problems            {len({prompt.problem_id for prompt in prompts}):>12,}"
    yield f"  samples             {samples:>12,}"
    yield f"  units of work       {len(units):>12,}"
    yield f"  tokens to prefill   {shared:>12,}   shared: each node of a unit's tree once"
    yield f"                      {unshared:>12,}   unshared: each sample's own prompt"
    yield f"  share saved         {1 - shared / unshared:>12.1%}"
    yield f"  new tokens, at most {samples * params.max_new_tokens:>12,}"


def _ranges(indices: Sequence[int]) -> str:
    """Sample indices in words: "samples 0, 2, 4 .. 30 (16)"."""
    if len(indices) <= 4:
        return f"samples {', '.join(map(str, indices))}"
    return f"samples {indices[0]}, {indices[1]}, {indices[2]} .. {indices[-1]} ({len(indices)})"
