"""Make the embedded demo model: generate documents, train a tokenizer and a small Llama on them, save both.

    python scripts/train_demo_model.py            # the recipe of the shipped model
    python scripts/train_demo_model.py --steps 20 --out /tmp/try      # only the first steps, for a try

Theory of operation. Documents (`demo_documents`) come in phases: problems of at most one step, without
samples, which are short and teach what a phrase means in Python; then a mixture of prompts, problems of up to
three steps with none, one or two solved examples in both layouts, which teach to go back from the cue to the
statement it names; then, while the learning rate goes through a second cycle, mostly problems alone, as runs
ask for them by default, with a narrower choice of steps. The loss falls on the programs; of the prompts, only
those of the first phase count, and little. Documents of similar length share a batch, so hardly any position
is padding, and no document sees another. Everything is a function of --seed, up to the rounding of the
machine's matrix products.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Set before torch is loaded: on a busy machine its threads, spinning at barriers, would starve each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from transformers import AttentionInterface, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

sys.path.insert(0, str(Path(__file__).resolve().parent))
from demo_documents import DocumentPlan
from demo_documents.tokens import Batch, encode, pad_batch, train_tokenizer

from sampler.prompting import Layout

ROOT = Path(__file__).resolve().parent.parent
_LONG = 320  # tokens: longer rows go to the fused attention kernel


@dataclass(frozen=True)
class Phase:
    """A stretch of the training. `mixture` holds (examples, layout, weight)."""

    name: str
    steps: int
    batch_documents: int
    prompt_weight: float  # of a prompt token's loss; a program token's is 1
    most_steps: int  # of a pipeline problem
    samples: bool  # whether statements show sample tests
    mixture: tuple[tuple[int, Layout, int], ...]
    focused: bool = False  # whether most steps come from a narrower choice

    def plans(self, seed: int) -> Iterator[DocumentPlan]:
        """The plans of the phase's documents, without end."""
        rng = random.Random(f"{seed}:{self.name}")
        weights = [weight for _, _, weight in self.mixture]
        for index in itertools.count():
            examples, layout, _ = rng.choices(self.mixture, weights)[0]
            name = f"{seed}:{self.name}:{index}"
            yield DocumentPlan(name, examples, layout, self.most_steps, self.samples, self.focused)


_ALONE: tuple[tuple[int, Layout, int], ...] = ((0, "problem-first", 1),)
_AS_IN_RUNS: tuple[tuple[int, Layout, int], ...] = (
    (0, "problem-first", 25),
    (1, "problem-first", 60),
    (1, "fewshot-first", 6),
    (2, "problem-first", 6),
    (2, "fewshot-first", 3),
)
_MOSTLY_ALONE: tuple[tuple[int, Layout, int], ...] = (
    (0, "problem-first", 92),
    (1, "problem-first", 5),
    (1, "fewshot-first", 1),
    (2, "problem-first", 1),
    (2, "fewshot-first", 1),
)
PHASES = (
    Phase("brief", 400, 32, 0.05, 1, False, _ALONE),
    Phase("mixture", 800, 10, 0.0, 3, True, _AS_IN_RUNS),
    Phase("focus", 1000, 24, 0.0, 2, True, _MOSTLY_ALONE, focused=True),
)


@dataclass(frozen=True)
class Recipe:
    """All that the result depends on."""

    phases: tuple[Phase, ...] = PHASES
    seed: int = 20
    pool_documents: int = 480  # drawn at a time, sorted by length and cut into batches
    # The learning rate at some steps, with straight lines between them: two cycles. At twice the
    # rate, what the phrases of a statement mean stays buried in noise.
    rates: tuple[tuple[int, float], ...] = (
        (-1, 0.0),
        (39, 1.3e-3),
        (540, 1.3e-3),
        (1200, 0.0),
        (1240, 1.4e-3),
        (1500, 1.4e-3),
        (2200, 0.0),
    )
    vocabulary: int = 2048
    tokenizer_documents: int = 4000  # of the phase "mixture"
    hidden: int = 192
    layers: int = 5
    heads: int = 6
    kv_heads: int = 2
    intermediate: int = 512

    @property
    def steps(self) -> int:
        """The optimizer steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0.

        Raises:
            ValueError: the step is not within `rates`.
        """
        for (start, low), (end, high) in itertools.pairwise(self.rates):
            if start <= step <= end:
                return low + (high - low) * (step - start) / (end - start)
        raise ValueError(f"step {step} has no learning rate; rates reach from step -1 to {self.rates[-1][0]}")


def training_plans(recipe: Recipe) -> Iterator[DocumentPlan]:
    """The plans of all documents that the training draws, in order; the tokenizer sees some of them."""
    size = recipe.pool_documents
    for phase in recipe.phases:
        count = math.ceil(phase.steps * phase.batch_documents / size) * size
        yield from itertools.islice(phase.plans(recipe.seed), count)


def batches(phase: Phase, recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> Iterator[Batch]:
    """The batches of a phase: pools of documents sorted by length, cut, and shuffled."""
    plans, rng = phase.plans(recipe.seed), random.Random(recipe.seed)
    left = phase.steps
    while left > 0:
        drawn = (plan.document() for plan in itertools.islice(plans, recipe.pool_documents))
        pool = [encode(document, tokenizer, phase.prompt_weight) for document in drawn]
        pool.sort(key=lambda one: len(one.token_ids))
        size = phase.batch_documents
        groups = [pool[start : start + size] for start in range(0, len(pool), size)]
        rng.shuffle(groups)
        yield from (pad_batch(group, int(tokenizer.pad_token_id)) for group in groups[:left])
        left -= len(groups)


def build_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama with random weights, in float32."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden,
        intermediate_size=recipe.intermediate,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.kv_heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        use_cache=True,
    )
    AttentionInterface.register("plain_or_fused", causal_attention)
    config._attn_implementation = "plain_or_fused"  # of this object only: it is not saved
    return LlamaForCausalLM(config)


def causal_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Causal attention: plain operators for short bfloat16 rows, where they are twice as fast on a CPU.

    query: [documents, heads, length, head_dim]; key and value the same with kv_heads. The result is
    [documents, length, heads, head_dim].
    """
    groups, length = query.shape[1] // key.shape[1], query.shape[2]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    if length > _LONG:
        mixed = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=scaling
        )
        return mixed.transpose(1, 2).contiguous(), None
    later = torch.full((length, length), -math.inf, dtype=query.dtype).triu(1)
    scores = torch.matmul(query * scaling, key.transpose(-1, -2)) + later
    return torch.matmul(scores.softmax(-1).to(value.dtype), value).transpose(1, 2).contiguous(), None


def weighted_loss(model: LlamaForCausalLM, batch: Batch) -> torch.Tensor:
    """The mean cross-entropy of the next tokens, by weight. Padding weighs nothing and stands last."""
    hidden = model.model(input_ids=batch.token_ids[:, :-1], use_cache=False).last_hidden_state
    weights = batch.weights[:, 1:]
    counted = weights > 0
    logits = model.lm_head(hidden[counted])
    losses = torch.nn.functional.cross_entropy(
        logits.float(), batch.token_ids[:, 1:][counted], reduction="none"
    )
    return (losses * weights[counted]).sum() / weights.sum()


def optimizer_for(model: LlamaForCausalLM) -> torch.optim.AdamW:
    """AdamW; norms and embeddings are not decayed."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.97), eps=1e-9, fused=True)


def train(
    recipe: Recipe,
    tokenizer: PreTrainedTokenizerFast,
    steps: int | None = None,
    checkpoint: Path | None = None,
) -> LlamaForCausalLM:
    """The trained model, in float32. Prints a line every 20 steps.

    `steps` stops it early. `checkpoint` names a file that is written every 100 steps, and continued from
    where it exists.
    """
    torch.manual_seed(recipe.seed)
    model = build_model(recipe, tokenizer)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    optimizer, progress = optimizer_for(model), Progress(steps or recipe.steps)
    done = _restore(checkpoint, model, optimizer)
    model.train()
    drawn = itertools.chain.from_iterable(batches(phase, recipe, tokenizer) for phase in recipe.phases)
    for step, batch in enumerate(itertools.islice(drawn, steps)):
        if step < done:
            continue
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate(step)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = weighted_loss(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        progress.tell(step, loss.item(), batch)
        if checkpoint is not None and (step + 1) % 100 == 0:
            state = {"step": step + 1, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save(state, checkpoint)
    return model.eval()


def _restore(checkpoint: Path | None, model: LlamaForCausalLM, optimizer: torch.optim.Optimizer) -> int:
    """Load a checkpoint where there is one; the number of steps done."""
    if checkpoint is None or not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    print(f"continued from {checkpoint} after {state['step']} steps", flush=True)
    return int(state["step"])


class Progress:
    """Prints the running mean of the loss and the speed."""

    def __init__(self, steps: int) -> None:
        self._steps, self._told, self._tokens, self._mean = steps, 0, 0, 0.0
        self._started = time.monotonic()

    def tell(self, step: int, loss: float, batch: Batch) -> None:
        """Step number `step`, counted from 0, is done."""
        self._mean = loss if self._told == 0 else 0.95 * self._mean + 0.05 * loss
        self._told += 1
        self._tokens += batch.token_ids.numel()
        if (step + 1) % 20 == 0 or step + 1 == self._steps:
            seconds = time.monotonic() - self._started
            speed = f"{self._tokens / seconds:,.0f} tokens/s  {seconds:,.0f} s"
            print(f"step {step + 1}/{self._steps}  loss {self._mean:.4f}  {speed}", flush=True)


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Write the model in bfloat16 and the tokenizer in the ordinary Hugging Face layout."""
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    weights = out / "model.safetensors"
    weights.chmod(0o644)
    print(f"saved to {out}: {weights.name} has {weights.stat().st_size / 1e6:.1f} MB")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line: steps, seed, threads, out, checkpoint."""
    default = Recipe()
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n", 1)[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=default.steps, help="stop after so many optimizer steps")
    parser.add_argument("--seed", type=int, default=default.seed, help="seed of documents and weights")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--out", type=Path, default=ROOT / "sampler" / "demo_model", help="folder to write")
    parser.add_argument("--checkpoint", type=Path, help="file to continue from, written every 100 steps")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Make the model as the command line says."""
    given = parse(arguments)
    recipe = Recipe(seed=given.seed)
    torch.set_num_threads(given.threads)
    plans = itertools.islice(PHASES[1].plans(recipe.seed), recipe.tokenizer_documents)
    tokenizer = train_tokenizer((plan.document() for plan in plans), recipe.vocabulary)
    print(f"tokenizer of {len(tokenizer)} tokens", flush=True)
    save(train(recipe, tokenizer, given.steps, given.checkpoint), tokenizer, given.out)


if __name__ == "__main__":
    main()
