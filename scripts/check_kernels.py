#!/usr/bin/env python
"""Compiles the GPU kernels on any machine and bounds what they take of one.

Triton brings the compiler for NVIDIA's chips along, so no GPU is needed: every kernel is compiled as it would
be launched, for sm_80 (A100) and sm_90 (H100, H200), and its registers, shared memory and spilled bytes are
printed. A kernel that spills registers or does not fit breaks the check, and the exit status is 1.

    python scripts/check_kernels.py [--only TEXT] [--arch 80 90] [--quick]
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["TRITON_INTERPRET"] = "0"  # before Triton is imported: kernels of its interpreter do not compile

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia.compiler import get_ptxas
from triton.compiler import ASTSource

from sampler.engine.device_sampling import sample_launches
from tree_attention.backend import AttentionOptions
from tree_attention.kernel_launch import KernelLaunch
from tree_attention.kv_pool import KvPool
from tree_attention.kv_storage import LayerShape
from tree_attention.plan_layout import PlanCapacity
from tree_attention.tile_shapes import choose_tile
from tree_attention.triton_backend import DevicePlan

MOST_REGISTERS = 255  # of a thread
SHARED_KIB = {80: 160, 90: 227}  # that a program may take
TYPES = {
    torch.float32: "fp32",
    torch.bfloat16: "bf16",
    torch.float16: "fp16",
    torch.int32: "i32",
    torch.int64: "i64",
    torch.float64: "fp64",
    torch.bool: "i1",
}
DIMS = [(64, 64), (80, 80), (128, 128), (192, 128), (256, 256)]  # of keys and values
WINDOWED = {"sliding_window": 4096, "softcap": 50.0}


@dataclass(frozen=True)
class Variant:
    """One way in which attention is computed."""

    key_dim: int
    value_dim: int
    dtype: torch.dtype
    rows: int
    kv_heads: int = 4
    query_heads: int = 28
    prefill: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Its settings in short."""
        kind = "prefill" if self.prefill else "decode"
        extra = " window softcap" if self.options else ""
        heads = f"{self.query_heads}/{self.kv_heads}"
        return f"{kind} {self.rows} x {heads} of {self.key_dim}/{self.value_dim}{extra}"

    def launches(self, arch: int) -> Iterator[tuple[str, KernelLaunch]]:
        """The launches of a step, with the names of their kernels."""
        layer = LayerShape(self.kv_heads, self.key_dim, self.value_dim, self.dtype, torch.device("cpu"))
        tile = choose_tile([layer], self.query_heads, self.rows, hopper=arch >= 90)
        capacity = PlanCapacity(self.rows, 16, 64, 16, 0 if self.prefill else 32)
        plan = DevicePlan(KvPool([layer]), self.query_heads, capacity, prefill=self.prefill, tile=tile)
        query = torch.empty(self.rows, self.query_heads, self.key_dim, dtype=self.dtype)
        out = query.new_empty(self.rows, self.query_heads, self.value_dim)
        options = AttentionOptions(scale=0.1, sinks=out[0, :, 0] if self.options else None, **self.options)
        yield from zip(("nodes", "suffixes"), plan.attend_launches(query, 0, options), strict=False)
        if not self.prefill:
            lse = out.new_empty(out.shape[:2], dtype=torch.float32)
            yield "merge", plan.merge_launch(out, lse, 0, options)
            yield "write", plan.write_launch(0, query[:, : self.kv_heads], out[:, : self.kv_heads])


def variants(*, quick: bool) -> list[Variant]:
    """What models ask for: small and large tiles, decoding and prefilling, with and without masks."""
    if quick:
        return [Variant(128, 128, torch.bfloat16, 256), Variant(64, 64, torch.float32, 2)]
    floats = (torch.float32, torch.bfloat16, torch.float16)
    plain = [Variant(*dims, dtype, rows) for dtype in floats for dims in DIMS for rows in (2, 256)]
    masked = [
        Variant(*dims, dtype, 256, prefill=prefill, options=WINDOWED)
        for dtype in (torch.bfloat16, torch.float32)
        for dims in DIMS
        for prefill in (False, True)
    ]
    shapes = [Variant(128, 128, torch.bfloat16, rows, kv_heads=32, query_heads=32) for rows in (2, 1024)]
    return [*plain, *masked, *shapes, Variant(128, 128, torch.bfloat16, 256, kv_heads=1, query_heads=48)]


@dataclass(frozen=True)
class Usage:
    """What a compiled kernel takes."""

    registers: int
    spilled_bytes: int  # of a thread, stored and loaded, counted in the code
    shared_bytes: int

    def faults(self, arch: int) -> list[str]:
        """What is beyond its bound."""
        bounds = [
            ("registers", self.registers, MOST_REGISTERS),
            ("spilled bytes", self.spilled_bytes, 0),
            ("bytes of shared memory", self.shared_bytes, SHARED_KIB[arch] * 1024),
        ]
        return [f"{value} {name} are over {most}" for name, value, most in bounds if value > most]


def compile_launch(launch: KernelLaunch, arch: int) -> Usage:
    """Compiles a kernel for the arguments of a launch, specialised as Triton does when it is launched."""
    signature: dict[str, str] = {}
    constants: dict[str, Any] = {}
    attributes: dict[tuple[int, ...], Any] = {}
    for index, parameter in enumerate(launch.kernel.params):
        name, value = parameter.name, launch.arguments[parameter.name]
        aligned = isinstance(value, int) and value % 16 == 0 and not parameter.do_not_specialize
        if parameter.is_constexpr:
            signature[name], constants[name] = "constexpr", value
        elif isinstance(value, torch.Tensor):
            signature[name], aligned = f"*{TYPES[value.dtype]}", True
        else:
            signature[name] = "i32" if isinstance(value, int) else "fp32"
        if aligned and name not in constants:
            attributes[(index,)] = [["tt.divisibility", 16]]
    source = ASTSource(fn=launch.kernel, signature=signature, constexprs=constants, attrs=attributes)
    compiled = triton.compile(source, target=GPUTarget("cuda", arch, 32), options=launch.options)
    return usage_of(compiled.asm["ptx"], arch, compiled.metadata.shared)


def usage_of(assembly: str, arch: int, shared_bytes: int) -> Usage:
    """Assembles a kernel with NVIDIA's assembler, which Triton brings along, and reads what it reports."""
    target = re.search(r"\.target (\w+)", assembly)[1]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kernel.ptx"
        file.write_text(assembly)
        command = [get_ptxas(arch).path, "-v", "--fmad=false", f"--gpu-name={target}", str(file)]
        done = subprocess.run([*command, "-o", f"{file}.cubin"], capture_output=True, text=True, check=True)
    reported = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", done.stderr)
    registers = re.search(r"Used (\d+) registers", done.stderr)
    return Usage(int(registers[1]), int(reported[1]) + int(reported[2]), shared_bytes)


def all_launches(arch: int, *, quick: bool) -> Iterator[tuple[str, str, KernelLaunch]]:
    """The type, the name and the launch of all that is checked."""
    for variant in variants(quick=quick):
        for name, launch in variant.launches(arch):
            yield TYPES[variant.dtype], f"{name} {variant}", launch
    for dtype in (torch.bfloat16,) if quick else (torch.float32, torch.bfloat16, torch.float16):
        for name, launch in sample_launches(dtype):
            yield TYPES[dtype], f"{name} tokens", launch


def main(arguments: list[str] | None = None) -> int:
    """Prints the table; the exit status."""
    parser = argparse.ArgumentParser(description="Compiles the GPU kernels and bounds what they take.")
    parser.add_argument("--arch", type=int, nargs="+", choices=SHARED_KIB, default=list(SHARED_KIB))
    parser.add_argument("--only", default="", help="kernels whose line contains this")
    parser.add_argument("--quick", action="store_true", help="a few variants instead of all")
    chosen = parser.parse_args(arguments)
    print(f"{'kernel':52}{'type':6}{'sm':4}{'tile / warps':16}{'regs':>5}{'spilled':>9}{'shared KiB':>11}")
    checked = broken = 0
    for arch in chosen.arch:
        for kind, name, launch in all_launches(arch, quick=chosen.quick):
            if chosen.only in f"{name} {kind}":
                broken += print_usage(f"{name:52}{kind:6}", launch, arch)
                checked += 1
    if not checked:
        parser.error(f"no kernel's line contains {chosen.only!r}")
    print(f"{broken} out of bounds" if broken else "all within bounds: no spills, and they fit")
    return 1 if broken else 0


def print_usage(start: str, launch: KernelLaunch, arch: int) -> int:
    """One line of the table, and what is wrong with it; the number of faults."""
    usage = compile_launch(launch, arch)
    shape = [str(launch.arguments[size]) for size in ("LANES", "TOKENS") if size in launch.arguments]
    tile = f"{' x '.join(shape)} / {launch.warps}".strip()
    print(
        f"{start}{arch:<4}{tile:16}{usage.registers:>5}{usage.spilled_bytes:>9}"
        f"{usage.shared_bytes / 1024:>11.1f}",
        flush=True,
    )
    faults = usage.faults(arch)
    for fault in faults:
        print(f"    {fault}")
    return len(faults)


if __name__ == "__main__":
    sys.exit(main())
