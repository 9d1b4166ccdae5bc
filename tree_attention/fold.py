"""When a node is better read by each row for itself than once for all of them.

A shared read of a node is a part of its own: it costs a call, and a partial result that is written and merged
for each of its rows. For a node of few tokens, or of few rows, this is more than it saves; such a node is
*folded*: it is stored in pages like a suffix, and each row below it reads it together with its own suffix.

The decision is made from the node alone (its tokens, and how many samples will ever read it), never from the
batch, so that a row's result stays free of its neighbours.
"""

from __future__ import annotations

# Bytes that are gathered and read in the time that one part of one layer costs beside its arithmetic, some 60
# microseconds. Measured with layers of 2 and 8 kv heads of size 64, for 2 to 32 readers of 4 to 300 tokens:
# from 110 to 400 KB copied, folding goes from gain to loss.
_BYTES_IN_THE_TIME_OF_A_PART = 250_000


def costs_less_folded(tokens: int, readers: int, layer_token_bytes: float) -> bool:
    """Whether a node is to be folded on a CPU.

    On a GPU a part is one more item of a launch that is made anyway: nothing is folded there.

    Args:
        tokens: of the pages that the node would take.
        readers: samples at or below it.
        layer_token_bytes: bytes of one token's keys and values in a layer.
    """
    # The first reader reads the pages in place, as it would read a part.
    copied = (readers - 1) * tokens * layer_token_bytes
    return copied < _BYTES_IN_THE_TIME_OF_A_PART
