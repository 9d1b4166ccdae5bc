from __future__ import annotations

import pytest

from sampler.extraction import extract_program

CASES = [
    # text, opens_fence, program, rule
    ("print(1)\n", True, "print(1)\n", "opened_fence"),
    ("print(1)\n```\nHope it helps", True, "print(1)\n", "opened_fence"),
    ("\n\n    x = 1\n    print(x)\n```", True, "    x = 1\n    print(x)\n", "opened_fence"),
    ("s = '```'\nprint(s)\n```\n", True, "s = '```'\nprint(s)\n", "opened_fence"),
    ("  \n```\n", True, None, "none"),
    ("", True, None, "none"),
    ("Sure:\n```python\nprint(2)\n```\n", False, "print(2)\n", "last_fence"),
    (
        "```python\na=1\n```\nbetter:\n```python\nb=2\n```\nSample:\n```\n5\n```\n",
        False,
        "b=2\n",
        "last_fence",
    ),
    ("```\nprint(3)\n```", False, "print(3)\n", "last_fence"),
    ("~~~py\nprint('```')\n~~~", False, "print('```')\n", "last_fence"),
    ("````python\ns = '''\n```\n'''\n````\n", False, "s = '''\n```\n'''\n", "last_fence"),
    ("Well\n```python\nprint(4)\n", False, "print(4)\n", "unclosed_fence"),
    ("n = int(input())\nprint(n)\n", False, "n = int(input())\nprint(n)\n", "whole_text"),
    ("I can not solve this.", False, None, "none"),
    ("42", False, None, "none"),
    ("```python\n\n```", False, None, "none"),
    ("\x00", False, None, "none"),
]


@pytest.mark.parametrize(("text", "opens_fence", "program", "rule"), CASES)
def test_rules(text, opens_fence, program, rule):
    found = extract_program(text, opens_fence=opens_fence)
    assert (found.program.text if found.program else None, found.rule) == (program, rule)


def test_extraction_is_a_function_of_the_text_alone():
    text = "```python\nprint(1)\n```"
    assert extract_program(text, opens_fence=False) == extract_program(text, opens_fence=False)
