"""Tensor parallelism: one model over several processes (*ranks*), each of which runs the same engine.

Theory of operation. The weights are cut by the plan that transformers has for the model: every rank holds
all layers, but only its share of the heads and of the feed-forward columns. The ranks' partial sums are
added after attention and after the feed-forward network, and their slices of the logits are gathered, so
that every rank sees whole hidden states and whole logits. Attention itself needs no messages: a rank keeps
and reads the keys and values of its own heads.

Every rank runs the same `Engine` on the same prompts and makes every decision again for itself: what is
prefilled, which rows are decoded, when a sample ends. These decisions depend on the call, the key-value
budget and the drawn tokens alone, and all three are the same on all ranks:

- the call: `RankGroup.check_same_call` compares a digest of it, and raises on every rank if one differs;
- the budget: the least over the ranks, from `RankGroup.least`;
- the tokens: rank 0's, from `RankGroup.rank_zero`. The gathered logits are equal to the last bit wherever
  the plan cuts the output layer, but it need not, and GPU operators that draw from them (cumulative sums)
  may round differently each time. One different token would part the ranks for good.

The processes are started by torchrun; transformers makes the process group when it loads the model.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from transformers import PreTrainedConfig, PreTrainedModel

from sampler.engine.errors import TensorParallelError

_LOADER = "accelerate"  # which transformers needs to place a model's parts
# Projections whose columns are the heads of the keys and values, by the last part of their names.
_KEY_PROJECTIONS = {"k_proj", "qkv_proj", "query_key_value"}
_LATENT_KEY_PROJECTION = "kv_b_proj"  # expands a latent to a key and a value for each query head
_EACH_HAS_ALL = (
    "or run one engine for each device instead, each with some of the prompts and with the whole model"
)


@dataclass(frozen=True)
class RankGroup:
    """The ranks that run a model together. With one rank, every method gives back what it is given.

    With more, each method is a collective call: it returns when all ranks have made it.
    """

    size: int = 1  # ranks
    device: torch.device | None = None  # this rank's; what GPUs tell each other goes through their memory

    @classmethod
    def of(cls, model: PreTrainedModel) -> RankGroup:
        """The ranks that hold a share of `model`.

        Raises:
            TensorParallelError: they are not all the processes of the default process group.
        """
        size = int(getattr(model, "tp_size", None) or 1)
        if size == 1:
            return cls()
        if size != dist.get_world_size():
            raise TensorParallelError(
                f"the model is split over {size} ranks of {dist.get_world_size()} in the process group; "
                f"start as many processes as share the model: {_torchrun(size)}"
            )
        return cls(size, model.get_input_embeddings().weight.device)

    def check_deterministic(self) -> None:
        """Checks that a row's bits can be the same in every batch.

        A ring adds the partial sums of each part of a message in another order, so where a row stands decides
        its rounding. Two numbers have one order only.

        Raises:
            TensorParallelError: there are more than two ranks.
        """
        if self.size > 2:
            raise TensorParallelError(
                f"deterministic was asked for with {self.size} ranks, whose partial sums are added in an "
                "order that depends on where a row stands in the batch; use 2 ranks at most, or go without it"
            )

    def rank_zero(self, values: torch.Tensor) -> torch.Tensor:
        """Rank 0's values on every rank, in place; of the same shape and dtype, on the ranks' devices."""
        if self.size > 1:
            dist.broadcast(values, src=0)
        return values

    def least(self, number: int) -> int:
        """The least `number` that a rank gives."""
        if self.size == 1:
            return number
        smallest = torch.tensor(number, dtype=torch.int64, device=self.device)
        dist.all_reduce(smallest, dist.ReduceOp.MIN)
        return int(smallest)

    def check_same_call(self, *content: object) -> None:
        """Compares what the ranks are to do, by its text form.

        Raises:
            TensorParallelError: a rank was given something else than rank 0; raised on every rank.
        """
        if self.size == 1:
            return
        digest = hashlib.sha256(repr(content).encode("utf-8", "surrogatepass")).digest()
        own = torch.tensor(list(digest), dtype=torch.uint8, device=self.device)
        each = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(each, own)
        others = [rank for rank in range(1, self.size) if not torch.equal(each[rank], each[0])]
        if others:
            raise TensorParallelError(
                f"rank {others[0]} was given other prompts, sampling parameters or settings than rank 0; all "
                f"{self.size} ranks must make the same calls, in the same order"
            )


ONE_RANK = RankGroup()


def check_ranks(tensor_parallel: int, device: torch.device) -> None:
    """Checks that this process is one of `tensor_parallel` ranks, and can load its share onto `device`.

    Raises:
        TensorParallelError: it is not, or cannot; the text says how to start it.
    """
    if tensor_parallel < 1:
        raise TensorParallelError(f"tensor_parallel is {tensor_parallel}; it must be at least 1")
    if tensor_parallel == 1:
        return
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != tensor_parallel or "LOCAL_RANK" not in os.environ:
        raise TensorParallelError(
            f"tensor_parallel is {tensor_parallel}, but the number of processes started together is "
            f"{started}; start them with {_torchrun(tensor_parallel)}"
        )
    if importlib.util.find_spec(_LOADER) is None:
        raise TensorParallelError(
            f"transformers needs {_LOADER} to split a model over ranks, and it is not installed; run: "
            "pip install 'orchard-sampler[tensor-parallel]'"
        )
    _check_device(device)


def check_plan(config: PreTrainedConfig, tensor_parallel: int) -> None:
    """Checks that a model of `config` can be split over `tensor_parallel` ranks.

    Raises:
        TensorParallelError: transformers has no plan for its layers, or its heads cannot be shared out.
    """
    if tensor_parallel == 1:
        return
    text = config.get_text_config(decoder=True)
    plan: dict[str, str] = text.base_model_tp_plan or {}
    if not plan:
        raise TensorParallelError(
            f"model type {text.model_type!r} has no tensor parallel plan for its layers in transformers; use "
            f"a model that has one, such as llama or qwen2, {_EACH_HAS_ALL}"
        )
    cut = {name.rsplit(".", 1)[-1] for name, style in plan.items() if style == "colwise"}
    query_heads = int(text.num_attention_heads)
    if cut & _KEY_PROJECTIONS:
        heads = int(getattr(text, "num_key_value_heads", None) or query_heads)
    elif _LATENT_KEY_PROJECTION in cut:
        heads = query_heads
    else:
        return  # every rank computes all heads
    if heads % tensor_parallel:
        raise TensorParallelError(
            f"tensor_parallel is {tensor_parallel}, and the model has {heads} key-value heads, which so many "
            f"ranks cannot share equally; make it {_divisors(heads)}, {_EACH_HAS_ALL}"
        )


def _check_device(device: torch.device) -> None:
    """Transformers puts a rank on what torch was built for, at the place of its local rank."""
    built_for = torch.accelerator.current_accelerator()
    kind = "cpu" if built_for is None else built_for.type
    if device.type != kind:
        raise TensorParallelError(
            f"the model would be on device {str(device)!r}, but with this build of torch transformers splits "
            f"models over devices of type {kind!r} only; use such devices or, for ranks on the CPU, torch's "
            "CPU build: pip install torch --index-url https://download.pytorch.org/whl/cpu"
        )
    if device.index is not None:
        raise TensorParallelError(
            f"device {str(device)!r} was asked for, but each rank takes the device of its local rank; use "
            f"'auto' or {device.type!r}, and CUDA_VISIBLE_DEVICES to choose among them"
        )
    ranks, here = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), torch.accelerator.device_count()
    if built_for is not None and ranks > here:
        raise TensorParallelError(
            f"{ranks} ranks were started on this machine, which has {here} devices of type {kind!r}; start "
            "at most one for each"
        )


def _divisors(heads: int) -> str:
    numbers = [str(number) for number in range(1, heads + 1) if heads % number == 0]
    return numbers[0] if len(numbers) == 1 else f"{', '.join(numbers[:-1])} or {numbers[-1]}"


def _torchrun(ranks: int) -> str:
    return f"torchrun --nproc-per-node {ranks} SCRIPT"
