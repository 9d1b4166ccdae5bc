"""Problem and few-shot examples in, full prompts in tree order out."""

from sampler.prompting.build import Layout, build_prompts
from sampler.prompting.few_shot import Example, FewShotError, FewShotSets, load_examples
from sampler.prompting.pieces import render_problem

__all__ = [
    "Example",
    "FewShotError",
    "FewShotSets",
    "Layout",
    "build_prompts",
    "load_examples",
    "render_problem",
]
