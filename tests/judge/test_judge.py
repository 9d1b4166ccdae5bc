"""Every verdict, what a judgement tells, and judging many programs at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import judge as judge_package
from judge import Judge, Program, SandboxError, UnknownLanguageError, Verdict, judgement_row, running
from judge.languages import MAX_SOURCE_BYTES
from judge.running import DETAIL_CHARS
from judge.sandbox.cgroup import CgroupTree
from problems.problem import CheckerSpec, Problem, TestCase

RIGHT = "print(int(input()) + 1)"

PROGRAMS = {
    "right": (RIGHT, Verdict.AC),
    "right after pause": ("import time; time.sleep(0.05)\n" + RIGHT, Verdict.AC),
    "wrong": ("print(0)", Verdict.WA),
    "silent": ("pass", Verdict.WA),
    "sample only": ("n = int(input()); print(1 if n == 0 else 0)", Verdict.WA),
    "exception": ("1 / 0", Verdict.RE),
    "does not parse": ("print(", Verdict.RE),
    "right, then fails": (RIGHT + "\nraise SystemExit(3)", Verdict.RE),
    "kills itself": ("import os; os.kill(os.getpid(), 11)", Verdict.RE),
    "reads too much": ("input(); input()", Verdict.RE),
    "busy": ("while True: pass", Verdict.TLE),
    "asleep": ("import time; time.sleep(60)", Verdict.TLE),
    "grows": ("a = []\nwhile True: a.append(b'x' * 1000000)", Verdict.MLE),
    "memory error": ("x = bytearray(1 << 60)", Verdict.MLE),
    "floods": ("while True: print('x' * 100000)", Verdict.OLE),
    "floods, ignoring errors": (
        "import os\nwhile True:\n  try: os.write(1, b'x' * 100000)\n  except OSError: pass",
        Verdict.OLE,
    ),
}


def program(text: str) -> Program:
    return Program(language="python", text=text)


@pytest.mark.parametrize("name", PROGRAMS)
def test_verdicts(name: str, judge: Judge, increment: Callable[..., Problem], nothing_left: None) -> None:
    text, expected = PROGRAMS[name]
    judgement = judge.judge(program(text), increment(wall_seconds=2.0))
    assert judgement.verdict == expected, judgement
    assert judgement.attempts == 1
    assert judgement.judge == "bubblewrap/1"
    assert (judgement.first_failed_test is None) == (expected == Verdict.AC)


def test_no_code(any_judge: Judge, increment: Callable[..., Problem]) -> None:
    judgement = any_judge.judge(None, increment(4))
    assert judgement.verdict == Verdict.NO_CODE
    assert (judgement.passed, judgement.total, judgement.detail) == (0, 4, None)


def test_stops_at_the_first_failure(any_judge: Judge, increment: Callable[..., Problem]) -> None:
    text = "n = int(input())\nprint(n + (n != 2) * 1)"
    judgement = any_judge.judge(program(text), increment(5))
    assert judgement.verdict == Verdict.WA
    assert judgement.first_failed_test == "secret/2"
    assert (judgement.passed, judgement.total) == (2, 5)
    assert judgement.groups == {"sample": {"passed": 1, "total": 1}, "secret": {"passed": 1, "total": 4}}


def test_all_tests_goes_on(increment: Callable[..., Problem]) -> None:
    text = "n = int(input())\nprint(1 / (n != 2) and n + 1 + (n == 3))"
    with Judge(all_tests=True) as judge:
        judgement = judge.judge(program(text), increment(5))
    assert judgement.verdict == Verdict.RE  # of the first failing test, though a later one is WA
    assert judgement.first_failed_test == "secret/2"
    assert (judgement.passed, judgement.total) == (3, 5)


def test_detail_of_a_failure(any_judge: Judge) -> None:
    text = "import sys\nprint('a\\x00\\udcff')\nsys.stderr.write('e' * 20000 + 'the end')\nsys.exit(7)"
    tests = (TestCase("secret/1", b"i" * 5000, b"o" * 5000),)
    judgement = any_judge.judge(program(text), Problem("p", "P", "", tests))
    detail = judgement.detail
    assert detail is not None
    assert (detail["name"], detail["verdict"], detail["exit_code"], detail["signal"]) == (
        "secret/1",
        "RE",
        7,
        None,
    )
    assert detail["input"] == "i" * DETAIL_CHARS
    assert detail["expected"] == "o" * DETAIL_CHARS
    assert detail["actual"] == "a\0\\xff\n"
    assert detail["stderr"].endswith("the end")
    assert len(detail["stderr"]) == DETAIL_CHARS
    assert detail["message"] == "exit status 7"


def test_signal_is_told(any_judge: Judge, increment: Callable[..., Problem]) -> None:
    detail = any_judge.judge(program("import os; os.abort()"), increment()).detail
    assert detail is not None
    assert (detail["exit_code"], detail["signal"]) == (None, 6)


def test_usage_is_measured(any_judge: Judge, increment: Callable[..., Problem]) -> None:
    text = "import time\nx = b'x' * 60000000\nwhile time.process_time() < 0.3: pass\n"
    judgement = any_judge.judge(program(text + RIGHT), increment(1))
    assert judgement.verdict == Verdict.AC
    assert 0.3 <= judgement.cpu_seconds < 1.0
    assert judgement.wall_seconds >= 0.3
    assert 60_000_000 <= judgement.peak_memory_bytes < 100_000_000


def test_time_asleep_is_no_cpu_time(judge: Judge, increment: Callable[..., Problem]) -> None:
    judgement = judge.judge(program("import time; time.sleep(1)\n" + RIGHT), increment(1))
    assert judgement.verdict == Verdict.AC
    assert judgement.cpu_seconds < 0.05 < 1.0 <= judgement.wall_seconds


def test_row_is_json(any_judge: Judge, increment: Callable[..., Problem]) -> None:
    row = judgement_row(any_judge.judge(program("print('\\ud800')"), increment()))
    assert json.loads(json.dumps(row)) == row
    assert set(row) == {
        *("schema_version", "verdict", "passed", "total", "groups", "first_failed_test", "detail"),
        *("cpu_seconds", "wall_seconds", "peak_memory_bytes", "attempts", "judge"),
    }
    assert row["schema_version"] == 1
    assert type(row["verdict"]) is str


def test_lone_surrogates_are_a_failure_of_the_program(
    any_judge: Judge, increment: Callable[..., Problem]
) -> None:
    assert any_judge.judge(program(RIGHT + "  # \ud800"), increment()).verdict == Verdict.RE


def test_unknown_language(any_judge: Judge, increment: Callable[..., Problem]) -> None:
    with pytest.raises(UnknownLanguageError, match=r"'cobol' .* it runs: .*python"):
        any_judge.judge(Program("cobol", ""), increment())


def test_unknown_sandbox() -> None:
    with pytest.raises(SandboxError, match=r"'gaol' is not known; choose one of: auto, bubblewrap"):
        Judge(sandbox="gaol")


def test_jobs_must_be_positive() -> None:
    with pytest.raises(ValueError, match="jobs is 0"):
        Judge(jobs=0)


def test_fault_of_ours_is_an_internal_error(any_judge: Judge, tmp_path: Path) -> None:
    tests = (TestCase("secret/1", tmp_path / "missing.in", b""),)
    judgement = any_judge.judge(program(RIGHT), Problem("p", "P", "", tests))
    assert judgement.verdict == Verdict.INTERNAL_ERROR
    assert judgement.attempts == 3
    assert judgement.detail is not None
    assert "missing.in" in judgement.detail["message"]


def test_judge_all(increment: Callable[..., Problem], nothing_left: None) -> None:
    problem = increment(2)
    texts = [RIGHT, "print(0)", None, "1 / 0"] * 5
    items = ((n, None if text is None else program(text), problem) for n, text in enumerate(texts))
    with Judge(jobs=3) as judge:
        found = dict(judge.judge_all(items))
    verdicts = [Verdict.AC, Verdict.WA, Verdict.NO_CODE, Verdict.RE] * 5
    assert [found[n].verdict for n in range(len(texts))] == verdicts


def test_judge_all_reads_only_a_little_ahead(increment: Callable[..., Problem]) -> None:
    taken = 0

    def items():
        nonlocal taken
        for taken in range(1, 1001):
            yield taken, program(RIGHT), increment(1)

    with Judge(jobs=2) as judge:
        judgements = judge.judge_all(items())
        next(judgements)
        judgements.close()
    assert taken <= 10


def test_judge_all_passes_on_errors_of_its_source(increment: Callable[..., Problem]) -> None:
    def items():
        yield 1, program(RIGHT), increment(1)
        raise RuntimeError("the source broke")

    with Judge() as judge, pytest.raises(RuntimeError, match="the source broke"):
        list(judge.judge_all(items()))


VALIDATOR = """
import sys
from helper import near
number, answer, feedback, *flags = sys.argv[1:]
value, said = int(open(number).read()), sys.stdin.read().split()
if said == ["slow"]:
    while True: pass
if flags and (said == [flags[0]] or value == 9):
    raise ValueError("validator bug")
if len(said) == 1 and near(int(said[0]), int(open(answer).read())):
    sys.exit(42)
with open(feedback + "judgemessage.txt", "w") as file:
    file.write(f"{said} is not near for {value}")
sys.exit(43)
"""


@pytest.fixture
def validated(tmp_path: Path, increment: Callable[..., Problem]) -> Problem:
    (tmp_path / "validate.py").write_text(VALIDATOR)
    (tmp_path / "helper.py").write_text("def near(a, b): return abs(a - b) <= 1\n")
    files = (tmp_path / "validate.py", tmp_path / "helper.py")
    return increment(3, checker=CheckerSpec(kind="validator", validator_files=files, validator_flags=("77",)))


def test_validator(any_judge: Judge, validated: Problem) -> None:
    for text, verdict in (
        (RIGHT, "AC"),
        ("print(input())", "AC"),
        ("print(9)", "WA"),
        ("print('x y')", "WA"),
    ):
        assert any_judge.judge(program(text), validated).verdict == verdict
    detail = any_judge.judge(program("print(9)"), validated).detail
    assert detail is not None
    assert detail["message"] == "['9'] is not near for 0"


def test_validator_that_crashes_is_an_internal_error(any_judge: Judge, validated: Problem) -> None:
    judgement = any_judge.judge(program(RIGHT), replace(validated, tests=(TestCase("9", b"9\n", b"10\n"),)))
    assert judgement.verdict == Verdict.INTERNAL_ERROR
    assert judgement.attempts == 3
    assert judgement.detail is not None
    assert "validator bug" in judgement.detail["message"]


@pytest.mark.parametrize("text", ["print(77)", "print('(')", "import os; os.write(1, b'\\xff')"])
def test_validator_that_crashes_on_this_output_only(text: str, any_judge: Judge, validated: Problem) -> None:
    """Or a program could choose not to be counted."""
    judgement = any_judge.judge(program(text), validated)
    assert (judgement.verdict, judgement.attempts) == (Verdict.WA, 1)
    assert judgement.detail is not None
    assert judgement.detail["message"].startswith(
        "not an output that can be validated: the output validator failed (exit status 1): Traceback"
    )


def test_validator_beyond_its_limits_is_an_internal_error(
    any_judge: Judge, validated: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = replace(running.VALIDATOR_LIMITS, cpu_seconds=0.2, wall_seconds=2.0)
    monkeypatch.setattr(running, "VALIDATOR_LIMITS", limits)
    judgement = any_judge.judge(program("print('slow')"), validated)
    assert judgement.verdict == Verdict.INTERNAL_ERROR
    assert judgement.detail is not None
    assert judgement.detail["message"] == "ValidatorError: the output validator: cpu time limit exceeded"


def test_validator_that_keeps_files(
    any_judge: Judge, tmp_path: Path, increment: Callable[..., Problem]
) -> None:
    """Many a validator copies the output; that of all tests together would not fit into its sandbox."""
    (tmp_path / "keep.py").write_text(
        "import sys\nopen(sys.argv[3] + 'copy', 'wb').write(sys.stdin.buffer.read())\nsys.exit(42)\n"
    )
    checker = CheckerSpec(kind="validator", validator_files=(tmp_path / "keep.py",))
    problem = increment(12, checker=checker, output_bytes=8 << 20)
    assert any_judge.judge(program("print('x' * (7 << 20))"), problem).verdict == Verdict.AC


def test_validator_with_modules_of_its_own(
    any_judge: Judge, tmp_path: Path, increment: Callable[..., Problem]
) -> None:
    """Names that the standard library has too, and one in a directory."""
    (tmp_path / "validate.py").write_text(
        "import sys, random, statistics, struct\nfrom parts import part\n"
        "sys.exit(part.status + random.status + statistics.status + struct.status)\n"
    )
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/part.py").write_text("status = 39\n")
    names = ("random.py", "statistics.py", "struct.py")
    for name in names:
        (tmp_path / name).write_text("status = 1\n")
    files = tuple(tmp_path / name for name in ("validate.py", "parts/part.py", *names))
    problem = increment(2, checker=CheckerSpec(kind="validator", validator_files=files))
    assert any_judge.judge(program(RIGHT), problem).verdict == Verdict.AC


def test_source_that_is_too_long(any_judge: Judge, increment: Callable[..., Problem]) -> None:
    longest = RIGHT + "#" * (MAX_SOURCE_BYTES - len(RIGHT))
    assert any_judge.judge(program(longest), increment(1)).verdict == Verdict.AC
    judgement = any_judge.judge(program(longest + "#"), increment(3))
    assert (judgement.verdict, judgement.attempts, judgement.passed) == (Verdict.RE, 1, 0)
    assert judgement.first_failed_test == "sample/0"
    assert judgement.detail is not None
    assert judgement.detail["message"] == "the source has 4194305 bytes; a program may have 4194304"


def test_descriptors_under_way(increment: Callable[..., Problem]) -> None:
    """The kernel counts them by user; a program that fills its share stops nobody else."""
    hoard = (
        "import array, socket, time\nkeep = []\n"
        "message = [b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0] * 253))]\n"
        "try:\n  while True:\n    a, b = socket.socketpair(); a.setblocking(False); keep.append((a, b))\n"
        "    try:\n      while True: a.sendmsg(*message)\n    except BlockingIOError: pass\n"
        "except OSError: pass\ntime.sleep(1)\n"
    )
    items = [(n, program((hoard if n == 0 else "") + RIGHT), increment(3)) for n in range(8)]
    with Judge(jobs=2) as judge:
        found = {n: (judgement.verdict, judgement.attempts) for n, judgement in judge.judge_all(items)}
    assert found == dict.fromkeys(range(8), (Verdict.AC, 1))


def test_killed_judge_leaves_nothing(tmp_path: Path, descendants: Callable[[int], set[int]]) -> None:
    script = (
        "from judge import *\nfrom problems.problem import *\n"
        "limits = Limits(cpu_seconds=60, wall_seconds=60)\n"
        "problem = Problem('p', '', '', (TestCase('1', b'', b''),), limits)\n"
        "text = 'import os\\nfor _ in range(3): os.fork()\\nwhile True: pass'\n"
        "items = ((n, Program('python', text), problem) for n in range(4))\n"
        "with Judge(jobs=2) as judge: list(judge.judge_all(items))"
    )
    root = Path(judge_package.__file__).parent.parent
    doomed = subprocess.Popen([sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": str(root)})
    deadline = time.monotonic() + 30
    while len(descendants(doomed.pid)) < 2 * (8 + 2):
        assert time.monotonic() < deadline, "the programs did not start"
        time.sleep(0.05)
    below = descendants(doomed.pid)
    doomed.kill()
    doomed.wait()
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in below):
        assert time.monotonic() < deadline, "processes of a sandbox outlive the judge"
        time.sleep(0.05)
    while _groups_of(doomed.pid):  # swept by whoever looks for groups next
        assert time.monotonic() < deadline, "control groups of a killed judge stay"
        time.sleep(0.05)


def _groups_of(pid: int) -> list[Path]:
    tree = CgroupTree.find()
    return (
        [group for parent in tree.parents.values() for group in parent.glob(f"orchard-{pid}-*")]
        if tree
        else []
    )


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_exported_names() -> None:
    assert set(judge_package.__all__) == {
        *("Judge", "Judgement", "Program", "TestResult", "Verdict", "judgement_row"),
        *("JudgeError", "ProgramsFileError", "UnknownLanguageError", "ValidatorError"),
        *("SandboxError", "SandboxFaultError", "SandboxUnavailableError"),
    }


def test_does_not_load_the_heavy_packages() -> None:
    script = (
        "import sys, judge; print([m for m in ('torch', 'ray', 'transformers', 'numpy') if m in sys.modules])"
    )
    root = Path(judge_package.__file__).parent.parent
    environment = os.environ | {"PYTHONPATH": str(root)}
    assert subprocess.check_output([sys.executable, "-c", script], env=environment) == b"[]\n"


def test_problem_limits_are_those_of_the_run(any_judge: Judge, increment: Callable[..., Problem]) -> None:
    problem = increment(1)
    roomy = replace(problem, limits=replace(problem.limits, memory_bytes=400 << 20))
    text = program("x = b'x' * (200 << 20)\n" + RIGHT)
    assert any_judge.judge(text, problem).verdict == Verdict.MLE
    assert any_judge.judge(text, roomy).verdict == Verdict.AC
