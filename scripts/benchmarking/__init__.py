"""What the benchmarks share: models, machine rates, the roofline, decoders that are timed, and result files.

Imports torch, transformers and numpy only, and `rich` where it is installed: the benchmarks run on a bare
machine with an accelerator too.
"""
