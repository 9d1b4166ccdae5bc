"""When a sample ends, and its text.

Theory of operation. A sample ends with an end-of-sequence token, when its text contains a stop string, or
at its token limit. A stop string may lie across token borders and characters across tokens, so it is looked
for in decoded text. To decode the whole text at every token would cost quadratic time; instead:

- a stop string can only become complete with a token that brings its last character, so most tokens are
  dismissed by a look-up of what the token may bring (kept for each token once it has been seen);
- for the others, only a tail of the tokens, long enough to hold the longest stop string, is decoded;
- what is found there is confirmed, and the text cut, on the decoded whole, once.

The text of a completion is always the decoding of all its tokens at once, so characters that several tokens
make up are whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sampler.core import FinishReason, SamplingParams

# A character takes at most four bytes, and a token of a byte-level vocabulary holds at least one; the margin
# keeps what a decoder does differently at the beginning of a text away from the stop string.
_TOKENS_A_CHARACTER = 4
_MARGIN = 8


class StopRules:
    """The stop conditions of one call of `generate`, and what has been learnt about the tokens."""

    def __init__(self, tokenizer: Any, eos_ids: Iterable[int], params: SamplingParams) -> None:
        """`tokenizer` is a transformers tokenizer; `eos_ids` are the tokens that end a sequence."""
        self._tokenizer = tokenizer
        self.eos_ids = frozenset(eos_ids)
        self.stop = params.stop
        self.max_new_tokens = params.max_new_tokens
        self.special_ids = frozenset(tokenizer.all_special_ids)
        self.tail_tokens = _TOKENS_A_CHARACTER * max(map(len, self.stop), default=0) + _MARGIN
        self._last_characters = frozenset(text[-1] for text in self.stop)
        self._may_complete: dict[int, bool] = {}

    def decode(self, token_ids: list[int]) -> str:
        """The text of tokens, without special tokens."""
        text: str = self._tokenizer.decode(
            token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def may_complete(self, token_id: int) -> bool:
        """Whether a stop string's last character may come with this token."""
        known = self._may_complete.get(token_id)
        if known is None:
            known = self._may_complete[token_id] = self._looks_completing(token_id)
        return known

    def cut(self, text: str) -> int | None:
        """Where the first stop string in `text` begins; None when there is none."""
        places = [place for stop in self.stop if (place := text.find(stop)) >= 0]
        return min(places, default=None)

    def _looks_completing(self, token_id: int) -> bool:
        # Alone, a token can lose its space, and shows bytes of a character as U+FFFD: it may bring anything.
        text = self._tokenizer.decode([token_id], clean_up_tokenization_spaces=False)
        return (
            not text or "�" in text or any(last.isspace() or last in text for last in self._last_characters)
        )


class SampleText:
    """The tokens of one sample as they come, and whether they have ended it."""

    __slots__ = ("_rules", "_visible", "token_ids")

    def __init__(self, rules: StopRules) -> None:
        self._rules = rules
        self._visible: list[int] = []  # without special tokens, which have no text
        self.token_ids: list[int] = []

    def append(self, token_id: int) -> FinishReason | None:
        """Takes the next token; says why the sample ends with it, or None."""
        rules = self._rules
        self.token_ids.append(token_id)
        if token_id in rules.eos_ids:
            return "eos"
        if rules.stop and token_id not in rules.special_ids:
            self._visible.append(token_id)
            if rules.may_complete(token_id) and self._has_stop():
                return "stop"
        return "length" if len(self.token_ids) >= rules.max_new_tokens else None

    def text(self) -> str:
        """The decoded text, cut before the first stop string."""
        end = (
            self.token_ids[:-1]
            if self.token_ids[-1:] and self.token_ids[-1] in self._rules.eos_ids
            else self.token_ids
        )
        text = self._rules.decode(end)
        return text[: self._rules.cut(text)]

    def _has_stop(self) -> bool:
        tail = self._visible[-self._rules.tail_tokens :]
        if self._rules.cut(self._rules.decode(tail)) is None:
            return False
        return (
            len(tail) == len(self._visible) or self._rules.cut(self._rules.decode(self._visible)) is not None
        )
