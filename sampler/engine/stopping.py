"""When a sample ends, and its text.

Theory of operation. A sample ends with an end-of-sequence token, when its text contains a stop string, after
the line that closes a code fence, or at its token limit. A stop string or a fence may lie across token
borders and characters across tokens, so they are looked for in decoded text. To decode the whole text at
every token would cost quadratic time; instead:

- a stop string can only become complete with a token that brings its last character, and a closing line
  with one that brings a line break. `StopRules.watched` is a table of the tokens that may: a step looks all
  its tokens up at once, and most rows need nothing more. What a token brings is found out when it is first
  seen;
- for the others, only a tail of the tokens, long enough to hold the longest stop string, is decoded;
- what is found there is confirmed, and the text cut, on the decoded whole, once.

Decoding leaves special tokens out: a stop string that is the whole text of one is that token too.

The text of a completion is always the decoding of all its tokens at once, so characters that several tokens
make up are whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from sampler.core import FinishReason, SamplingParams
from sampler.fences import MARKS, closed_fence_end

# A character takes at most four bytes, and a token of a byte-level vocabulary holds at least one; the margin
# keeps what a decoder does differently at the beginning of a text away from the stop string.
_TOKENS_A_CHARACTER = 4
_MARGIN = 8
_FENCE_LINE_TOKENS = 32  # a closing line is rarely longer; one that is costs the decoding of the whole text


class StopRules:
    """The stop conditions of one call of `generate`, and what has been learnt about the tokens."""

    def __init__(
        self, tokenizer: Any, eos_ids: Iterable[int], params: SamplingParams, vocabulary: int = 0
    ) -> None:
        """The rules of `params`.

        Args:
            tokenizer: a transformers tokenizer.
            eos_ids: the tokens that end a sequence.
            params: stop strings, whether a closed fence ends a sample, and the token limit.
            vocabulary: the number of token ids of the model, if it has more than the tokenizer.
        """
        self._tokenizer = tokenizer
        self.eos_ids = frozenset(eos_ids)
        self.stop = params.stop
        self.stop_at_closed_fence = params.stop_at_closed_fence
        self.max_new_tokens = params.max_new_tokens
        self.special_ids = frozenset(tokenizer.all_special_ids)
        self.stop_ids = frozenset(self._special_stops())
        self.tail_tokens = _TOKENS_A_CHARACTER * max(map(len, self.stop), default=0) + _MARGIN
        if self.stop_at_closed_fence:
            self.tail_tokens = max(self.tail_tokens, _FENCE_LINE_TOKENS)
        self._last_characters = frozenset(text[-1] for text in self.stop)
        if self.stop_at_closed_fence:
            self._last_characters |= {"\n"}
        self.watched = self._first_watched(max(vocabulary, len(tokenizer)))

    def _first_watched(self, size: int) -> npt.NDArray[np.bool_]:
        """`[size]`, whether a token may end a sample; of ordinary tokens nothing is known yet."""
        watched = np.full(size, bool(self._last_characters))
        watched[[token for token in self.special_ids if token < size]] = False  # they have no text
        watched[[token for token in self.eos_ids | self.stop_ids if token < size]] = True
        return watched

    def _special_stops(self) -> Iterator[int]:
        """The tokens that are stop strings as they are written, and that a text is decoded without."""
        for stop in self.stop:
            token = self._tokenizer.convert_tokens_to_ids(stop)  # of unknown text: None, or the unknown token
            if token is None or self._tokenizer.convert_ids_to_tokens(token) != stop:
                continue
            if self._tokenizer.decode([token]) and not self.decode([token]):
                yield token

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of tokens, without special tokens."""
        text: str = self._tokenizer.decode(
            token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def may_complete(self, token_id: int) -> bool:
        """Whether the last character of a stop string, or of a closing line, may come with this token."""
        # Alone, a token can lose its space, and shows bytes of a character as U+FFFD: it may bring anything.
        text = self._tokenizer.decode([token_id], clean_up_tokenization_spaces=False)
        return not text or "�" in text or any(last == " " or last in text for last in self._last_characters)

    def reason(self, token_ids: Sequence[int], *, opens_fence: bool) -> FinishReason | None:
        """Why a sample ends with the last of its tokens; None if it goes on.

        Need not be asked while the token is not `watched` and the limit is not reached.

        Args:
            token_ids: all new tokens of the sample.
            opens_fence: whether its prompt ended inside an opened fence.
        """
        newest = token_ids[-1]
        if newest in self.eos_ids:
            return "eos"
        if newest in self.stop_ids:
            return "stop"
        if self.watched[newest]:
            if self.may_complete(newest):
                reason = self._reason_in_text(token_ids, opens_fence)
                if reason is not None:
                    return reason
            else:
                self.watched[newest] = False
        return "length" if len(token_ids) >= self.max_new_tokens else None

    def text(self, token_ids: Sequence[int], reason: FinishReason | None, *, opens_fence: bool) -> str:
        """The decoded text of a sample that ended for `reason`.

        It is cut before the first stop string, or after the line that closes the fence.
        """
        text = self.decode(token_ids[:-1] if reason == "eos" else token_ids)
        if reason == "fence":
            return text[: closed_fence_end(text, opens_fence=opens_fence)]
        return text[: self.cut(text)]

    def cut(self, text: str) -> int | None:
        """Where the first stop string in `text` begins; None when there is none."""
        places = [place for stop in self.stop if (place := text.find(stop)) >= 0]
        return min(places, default=None)

    def _reason_in_text(self, token_ids: Sequence[int], opens_fence: bool) -> FinishReason | None:
        tail = self._tail(token_ids)
        may_close = self.stop_at_closed_fence and _may_close_fence(tail)
        if self.cut(tail) is None and not may_close:
            return None
        text = self.decode(token_ids)
        place = self.cut(text)
        end = closed_fence_end(text, opens_fence=opens_fence) if may_close else None
        if end is not None and (place is None or end <= place):
            return "fence"
        return None if place is None else "stop"

    def _tail(self, token_ids: Sequence[int]) -> str:
        """The text of the last tokens, from the beginning of a character on."""
        visible = (token for token in reversed(token_ids) if token not in self.special_ids)
        newest = list(islice(visible, self.tail_tokens + _TOKENS_A_CHARACTER - 1))[::-1]
        # Where tokens stand for bytes, a tail that begins inside a character is not valid, and some decoders
        # then show all its bytes as U+FFFD, a stop string among them.
        for begin in reversed(range(max(0, len(newest) - self.tail_tokens) + 1)):
            tail = self.decode(newest[begin:])
            if "�" not in tail:
                break
        return tail


def _may_close_fence(tail: str) -> bool:
    """Whether the line that a tail of a text completes may be one that closes a fence.

    It may where a mark is seen, and where the line begins before the tail does.
    """
    return any(mark in tail for mark in MARKS) or "\n" not in tail.rpartition("\n")[0].rstrip("\n")
