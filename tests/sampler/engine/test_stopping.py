"""Samples end where they should, with the text that they should have."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from sampler.core import SamplingParams
from sampler.engine.stopping import StopRules
from sampler.fences import closed_fence_end

EOS = 0


def rules(tokenizer: Any, *stop: str, longest: int = 1000) -> StopRules:
    return StopRules(tokenizer, [EOS], SamplingParams(stop=stop, max_new_tokens=longest))


def feed(rules: StopRules, ids: list[int], *, opens_fence: bool = False) -> tuple[str | None, int, str]:
    """Why the sample ends, after how many tokens, and its text."""
    for count in range(1, len(ids) + 1):
        reason = rules.reason(ids[:count], opens_fence=opens_fence)
        if reason:
            return reason, count, rules.text(ids[:count], reason, opens_fence=opens_fence)
    return None, len(ids), rules.text(ids, None, opens_fence=opens_fence)


def bytes_of(tokenizer: Any, text: str) -> list[int]:
    """One token a byte, without the longer pieces."""
    tokens = [tokenizer(letter, add_special_tokens=False)["input_ids"] for letter in text]
    return [token for ids in tokens for token in ids]


def test_eos_is_kept_as_a_token_and_not_in_the_text(tokenizer: Any) -> None:
    ids = [*bytes_of(tokenizer, "hi"), EOS]
    assert feed(rules(tokenizer), ids) == ("eos", 3, "hi")


def test_length(tokenizer: Any) -> None:
    assert feed(rules(tokenizer, longest=4), bytes_of(tokenizer, "abcdef")) == ("length", 4, "abcd")


def test_eos_wins_over_length(tokenizer: Any) -> None:
    assert feed(rules(tokenizer, longest=2), [*bytes_of(tokenizer, "a"), EOS])[0] == "eos"


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("x = 1\n```\nrest", ("```",), "x = 1\n"),
        ("``` at once", ("```",), ""),
        ("a``b```c", ("```",), "a``b"),
        ("one\n\ntwo", ("\n\n", "ne"), "o"),
        ("abcabcabd", ("abd",), "abcabc"),
        ("größe → ende", ("→",), "größe "),
        ("日本語です", ("語で",), "日本"),
        ("aaaa", ("aa", "a"), ""),
        ("tail " * 40 + "END more", ("END",), "tail " * 40),
    ],
)
def test_stop_strings_are_found_and_cut(
    tokenizer: Any, text: str, stop: tuple[str, ...], expected: str
) -> None:
    reason, count, found = feed(rules(tokenizer, *stop), bytes_of(tokenizer, text))
    assert (reason, found) == ("stop", expected)
    # It ends with the very token that completes the stop string.
    end = min(text.find(s) + len(s) for s in stop if s in text)
    assert count == len(bytes_of(tokenizer, text[:end]))


def test_stop_string_inside_one_token(tokenizer: Any) -> None:
    ids = tokenizer("xabcx", add_special_tokens=False)["input_ids"]
    assert len(ids) == 3  # "abc" is one token
    assert feed(rules(tokenizer, "b"), ids) == ("stop", 2, "xa")


def test_special_tokens_inside_do_not_hide_a_stop_string(tokenizer: Any) -> None:
    end = rules(tokenizer, "```").eos_ids
    assert end == {EOS}
    no_eos = StopRules(tokenizer, [], SamplingParams(stop=("ab",)))
    ids = [*bytes_of(tokenizer, "a"), EOS, EOS, *bytes_of(tokenizer, "b")]
    assert feed(no_eos, ids) == ("stop", 4, "")


@pytest.fixture(scope="module")
def chat(tokenizer: Any) -> Any:
    """A tokenizer with special tokens: of its list, known to its backend alone, and one seen as text."""
    twin = copy.deepcopy(tokenizer)
    twin.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    twin.add_tokens([AddedToken("<|EOT|>", special=True), AddedToken("<|sep|>", special=False)])
    return twin


@pytest.mark.parametrize("token", ["<|im_end|>", "<|EOT|>", "<|sep|>"])
def test_a_stop_string_may_be_a_special_token(chat: Any, token: str) -> None:
    number = chat.convert_tokens_to_ids(token)
    assert (chat.decode([number], skip_special_tokens=True) == "") == (token != "<|sep|>")
    ids = [*bytes_of(chat, "hi"), number, *bytes_of(chat, "more")]
    assert feed(rules(chat, "zz", token), ids) == ("stop", 3, "hi")
    assert rules(chat, token).watched[number]
    assert feed(rules(chat, "zz"), ids)[0] is None
    assert feed(rules(chat, token, "h"), ids) == ("stop", 1, "")
    written = bytes_of(chat, f"a{token}b")  # letter by letter
    assert feed(rules(chat, token), written) == ("stop", 1 + len(token), "a")
    assert feed(StopRules(chat, [number], SamplingParams(stop=(token,))), ids) == ("eos", 3, "hi")


@pytest.mark.parametrize("stop", ["a", "abc", " ", "<|im", "<unk>"])
def test_ordinary_text_is_no_special_stop(chat: Any, stop: str) -> None:
    assert not rules(chat, stop).stop_ids


@pytest.mark.parametrize("seed", range(30))
def test_agrees_with_a_search_at_every_token(tokenizer: Any, seed: int) -> None:
    """The oracle decodes everything at every token."""
    draw = random.Random(seed)
    letters = ["a", "b", "`", "é", "語", "\n"]
    text = "".join(draw.choice(letters) for _ in range(60))
    stops = tuple("".join(draw.choice(letters) for _ in range(draw.randint(1, 4))) for _ in range(2))
    ids = tokenizer(text, add_special_tokens=False)["input_ids"] if seed % 2 else bytes_of(tokenizer, text)

    expected: tuple[str | None, int, str] = (None, len(ids), text)
    for count in range(1, len(ids) + 1):
        so_far = tokenizer.decode(ids[:count])
        places = [so_far.find(stop) for stop in stops if stop in so_far]
        if places:
            expected = ("stop", count, so_far[: min(places)])
            break
    assert feed(rules(tokenizer, *stops), ids) == expected


def test_only_a_bounded_tail_is_decoded(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tested = rules(tokenizer, "ab")
    lengths: list[int] = []
    decode = tested.decode
    monkeypatch.setattr(tested, "decode", lambda ids: lengths.append(len(ids)) or decode(ids))
    assert feed(tested, bytes_of(tokenizer, "b" * 500))[0] is None
    assert max(lengths[:-1]) <= tested.tail_tokens  # the last is the text itself
    assert tested.tail_tokens <= 16


def test_tokens_that_cannot_complete_are_dismissed(tokenizer: Any) -> None:
    tested = rules(tokenizer, "```")
    assert tested.may_complete(bytes_of(tokenizer, "`")[0])
    assert not tested.may_complete(bytes_of(tokenizer, "x")[0])
    assert tested.may_complete(bytes_of(tokenizer, "é")[0])  # part of a character: may bring anything


def test_word_pieces_that_lose_their_space_alone() -> None:
    """A vocabulary of sentencepiece kind: the first word's space is dropped by the decoder."""
    vocabulary = {"</s>": 0, "▁the": 1, "▁end": 2, "▁": 3, "s": 4, "<unk>": 5}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.decoder = decoders.Metaspace()
    words = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", unk_token="<unk>")
    assert feed(rules(words, " end"), [1, 1, 2, 4]) == ("stop", 3, "the the")
    assert feed(rules(words, "s the"), [1, 4, 1]) == ("stop", 3, "the")
    assert feed(rules(words, "the "), [1, 4, 1, 3, 4]) == ("stop", 4, "thes ")


def fence_rules(tokenizer: Any, *stop: str) -> StopRules:
    return StopRules(tokenizer, [EOS], SamplingParams(stop=stop, stop_at_closed_fence=True))


@pytest.mark.parametrize(
    ("text", "stop", "opens", "expected"),
    [
        ("So:\n```py\nx\n```\nmore", (), False, ("fence", "So:\n```py\nx\n```\n")),
        ("x\n```\n\n\nmore", (), True, ("fence", "x\n```\n")),
        ("x\n```py\nmore", (), True, ("fence", "x\n```py\n")),
        ("```\nx\n" + " " * 60 + "```" + " " * 60 + "\nmore", (), False, ("fence", None)),  # beyond the tail
        ("```\nx\n```\nmore", ("more",), False, ("fence", "```\nx\n```\n")),
        ("```\nx\n```\nmore", ("x",), False, ("stop", "```\n")),
        ("```\nx\n```\nmore", ("```\nm",), False, ("fence", "```\nx\n```\n")),
        ("```\nx\n```\nmore", ("\n```\n",), False, ("stop", "```\nx")),
        ("```\nx\n```", (), False, (None, "```\nx\n```")),
    ],
)
def test_a_closed_fence_ends_after_its_line(
    tokenizer: Any, text: str, stop: tuple[str, ...], opens: bool, expected: tuple[str | None, str | None]
) -> None:
    ids = bytes_of(tokenizer, text)
    reason, count, found = feed(fence_rules(tokenizer, *stop), ids, opens_fence=opens)
    assert (reason, found) == (expected[0], text[:-4] if expected[1] is None else expected[1])
    if reason == "fence":  # with the token that completes the line
        assert count == len(bytes_of(tokenizer, found))


@pytest.mark.parametrize("seed", range(20))
def test_fences_agree_with_a_search_at_every_token(tokenizer: Any, seed: int) -> None:
    draw = random.Random(seed)
    pieces = ["a", "```", "`", "~~~", "\n", "\n", "py", " ", "é"]
    text = "".join(draw.choice(pieces) for _ in range(50))
    ids = tokenizer(text, add_special_tokens=False)["input_ids"] if seed % 2 else bytes_of(tokenizer, text)
    opens = seed % 4 < 2
    texts = (tokenizer.decode(ids[:count]) for count in range(1, len(ids) + 1))
    ends = (closed_fence_end(so_far, opens_fence=opens) for so_far in texts)
    expected = next((count for count, end in enumerate(ends, 1) if end is not None), None)

    reason, count, _ = feed(fence_rules(tokenizer), ids, opens_fence=opens)
    assert (count if reason == "fence" else None) == expected


@pytest.fixture(scope="module")
def byte_tokens() -> Any:
    """One token a byte, decoded as with byte fallback: a run of bytes is valid, or all U+FFFD."""
    pieces = ["</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    backend = Tokenizer(models.BPE({piece: i for i, piece in enumerate(pieces)}, []))
    backend.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>")


@pytest.mark.parametrize(
    ("stop", "text"),
    [
        ("問", "𠀀𠀀𠀀𠀀問 more"),
        ("問題", "𠀀𠀀𠀀𠀀𠀀𠀀𠀀問題 more"),
        ("😀", "日日日日日日😀"),
        ("終了", "日日日日日日日日日日終了"),
        ("ñ", "日𠀀日𠀀日éñ"),
        ("\n", "日𠀀日𠀀日𠀀日𠀀é\n"),
    ],
)
def test_stop_strings_among_characters_of_several_bytes(byte_tokens: Any, stop: str, text: str) -> None:
    ids = [byte + 1 for byte in text.encode()]
    before = text[: text.index(stop)]
    assert feed(rules(byte_tokens, stop), ids) == ("stop", len((before + stop).encode()), before)
