"""What the driver does when actors die, are slow to come back, or never do: real actors, placed faults."""

from __future__ import annotations

import io
import os
import time

import pytest
import ray

from judge import JudgeError, Judgement, Program, Verdict
from problems import Problem, TestCase
from sampler.core import Completion, Prompt
from sampler.pipeline import judging
from sampler.pipeline.actors import Batch
from sampler.pipeline.driver import Driver, PipelineError, Task
from sampler.pipeline.progress import Progress
from sampler.pipeline.rows import sample_row
from sampler.pipeline.store import RunStore
from sampler.pipeline.units import make_units

NAMES = "pqrstuv"
PROBLEMS = {
    name: Problem(name, name, "Do.", (TestCase("sample/1", b"", b"1", sample=True),)) for name in NAMES
}
SAMPLES = 4


class Sampler:
    """Draws `print(index)`. Where `mark` is given it dies once; `after` says what its next start does."""

    def __init__(self, mark=None, after="slow"):
        self.mark = mark
        if mark is not None and mark.exists():
            if after == "fail":
                raise RuntimeError("CUDA out of memory")
            time.sleep(4)

    def sample(self, unit):
        if self.mark is not None and not self.mark.exists():
            self.mark.touch()
            os._exit(1)
        for prompt in unit.prompts:
            for index in prompt.sample_indices:
                if "die" in prompt.text:
                    os._exit(1)
                completion = Completion(
                    prompt.prompt_id, index, (1, 2), f"print({index})\n", "stop", 5, 5, 0.1
                )
                yield Batch((sample_row(prompt, completion, 0, "test", "now"),), (), 1)


class Judge:
    """Accepts all. Where `mark` is given it dies once; `after` says what its next start, or it, does then."""

    def __init__(self, mark=None, after="slow"):
        self.mark, self.after = mark, after
        if mark is not None and mark.exists():
            if after == "fail":
                raise RuntimeError("sandbox does not work")
            time.sleep(4)

    def judge(self, problem_id, program):
        time.sleep(5 if self.after == "broken" and program.text == "print(2)\n" else 0.1)
        if self.after == "broken" or (self.after == "half" and problem_id == "q"):
            return Judgement(Verdict.INTERNAL_ERROR, detail={"message": "no space for a sandbox"})
        if self.after == "raise" and problem_id == "q":
            raise JudgeError("no sandbox at all")
        if self.mark is not None and not self.mark.exists():
            self.mark.touch()
            os._exit(1)
        return Judgement(Verdict.AC, 1, 1)

    def check(self, problem_id):
        if self.after == "broken":
            raise JudgeError(f"{problem_id}: sandboxes do not start")


class HangingJudge(Judge):
    """Never ends with a program of `p` that prints 3."""

    def judge(self, problem_id, program):
        time.sleep(600 if (problem_id, program.text) == ("p", "print(3)\n") else 0.1)
        return Judgement(Verdict.AC, 1, 1)


class DeadlyJudge(Judge):
    """Dies of every program of `p` that prints 3, with its neighbours still in flight."""

    def judge(self, problem_id, program):
        time.sleep(0.1)
        if problem_id == "p" and program.text == "print(3)\n":
            os._exit(1)
        time.sleep(0.3)
        return Judgement(Verdict.AC, 1, 1)


def start(actor, *args, slots=1):
    options = {"num_cpus": 0.1, "max_restarts": -1, "max_task_retries": 0, "max_concurrency": slots}
    return ray.remote(actor).options(**options).remote(*args)


@pytest.fixture
def store(tmp_path, cluster):
    with RunStore(tmp_path / "run") as store:
        store.begin({"seed": 0}, "")
        yield store


@pytest.fixture
def drive(store):
    def drive(texts, samplers, judges, *, slots=1, tasks=()):
        actors = [*samplers, *judges]
        ray.get([actor.__ray_ready__.remote() for actor in actors])
        prompts = [
            Prompt(f"{name}/0", text=text, samples=SAMPLES, problem_id=name) for name, text in texts.items()
        ]
        progress = Progress(total=1, stream=io.StringIO())
        driver = Driver(store, PROBLEMS, samplers, judges, slots, 0, 600.0, progress)
        try:
            driver.run(make_units(prompts, store.sampled, SAMPLES), tasks)
        finally:
            for actor in actors:
                ray.kill(actor)
        return verdicts(store)

    return drive


def verdicts(store):
    return {(row["problem_id"], row["sample_index"]): row["verdict"] for row in store.directory.verdicts()}


def accepted(names):
    return {(name, index): "AC" for name in names for index in range(SAMPLES)}


def test_a_sampler_that_is_slow_to_come_back_costs_no_row(drive, tmp_path):
    assert drive(dict.fromkeys("pqr", "fine"), [start(Sampler, tmp_path / "m")], [start(Judge)]) == accepted(
        "pqr"
    )


def test_a_judge_that_is_slow_to_come_back_costs_no_verdict(drive, tmp_path):
    judges = [start(Judge, tmp_path / "m", slots=4)]
    assert drive({"p": "fine", "q": "fine"}, [start(Sampler)], judges, slots=4) == accepted("pq")


def test_actors_that_do_not_come_back_leave_their_work_to_others(drive, tmp_path):
    samplers = [start(Sampler, tmp_path / "s", "fail"), start(Sampler)]
    judges = [start(Judge, tmp_path / "j", "fail", slots=2), start(Judge, slots=2)]
    assert drive(dict.fromkeys("pqrs", "fine"), samplers, judges, slots=2) == accepted("pqrs")


@pytest.mark.parametrize("kind", ["sampler", "judge"])
def test_the_run_ends_when_none_is_left_and_no_row_is_made_up(drive, store, tmp_path, kind):
    samplers = [start(Sampler, *([tmp_path / "m", "fail"] if kind == "sampler" else []))]
    judges = [start(Judge, *([tmp_path / "m", "fail"] if kind == "judge" else []))]
    cause = "CUDA out of memory" if kind == "sampler" else "sandbox does not work"
    with pytest.raises(
        PipelineError, match=rf"no {kind} is left(.|\n)*RuntimeError: {cause}\n(.|\n)*same command"
    ):
        drive({"p": "fine", "q": "fine"}, samplers, judges)
    assert "INTERNAL_ERROR" not in verdicts(store).values()


def test_a_program_that_kills_its_judge_takes_no_neighbour_with_it(drive, store):
    found = drive({"p": "fine", "q": "fine"}, [start(Sampler)], [start(DeadlyJudge, slots=4)], slots=4)
    assert found == accepted("pq") | {("p", 3): "INTERNAL_ERROR"}
    row = next(row for row in store.directory.verdicts() if row["verdict"] == "INTERNAL_ERROR")
    assert (row["attempts"], row["judge"]) == (3, "driver")
    assert "its process died" in row["detail"]["message"]
    assert "\x1b" not in row["detail"]["message"]


def test_a_judge_that_hangs_is_restarted_and_only_the_program_pays(drive, monkeypatch):
    monkeypatch.setattr(judging.Judging, "_seconds", lambda self, task: 1.5)
    found = drive({"p": "fine", "q": "fine"}, [start(Sampler)], [start(HangingJudge, slots=4)], slots=4)
    assert found == accepted("pq") | {("p", 3): "INTERNAL_ERROR"}


@pytest.mark.parametrize("slots", [1, 8])
def test_the_bound_of_a_judging_is_that_of_its_own_tests(slots):
    judge = judging.Judging([], slots, PROBLEMS, ledger=None)
    assert judge._seconds(Task(("p", 0), None)) == 120.0 + 3 * 1 * (3 * 2.0 + 2.0 + 10.0)


def test_judges_that_only_die_end_the_run(drive, monkeypatch):
    monkeypatch.setattr(judging, "_BARREN_DEATHS", 2)
    tasks = [Task(("p", 3), Program("python", "print(3)\n"))]
    with pytest.raises(PipelineError, match="judges died 2 times in a row"):
        drive({}, [], [start(DeadlyJudge)], tasks=tasks)


def test_a_judge_whose_sandbox_stops_working_is_lost_and_writes_no_row(drive, store):
    judges = [start(Judge, None, "broken", slots=2), start(Judge, slots=2)]
    assert drive(dict.fromkeys("pqr", "fine"), [start(Sampler)], judges, slots=2) == accepted("pqr")


def test_without_a_judge_that_works_no_verdict_is_written(drive, store):
    # The second of each two is still in flight when the judge is given up.
    tasks = [Task(("p", index), Program("python", f"print({1 + index % 2})\n")) for index in range(30)]
    with pytest.raises(PipelineError, match=r"no judge is left(.|\n)*JudgeError: p: sandboxes do not start"):
        drive({}, [], [start(Judge, None, "broken", slots=2)], slots=2, tasks=tasks)
    assert not store.judged


@pytest.mark.parametrize(
    ("after", "reason", "attempts"),
    [("half", "no space for a sandbox", 1), ("raise", "not judged: JudgeError: no sandbox at all", 3)],
)
def test_what_one_problem_makes_of_a_judge_that_works_is_written(drive, store, after, reason, attempts):
    found = drive({"p": "fine", "q": "fine"}, [start(Sampler)], [start(Judge, None, after, slots=2)], slots=2)
    assert found == accepted("p") | {("q", index): "INTERNAL_ERROR" for index in range(SAMPLES)}
    rows = [row for row in store.directory.verdicts() if row["verdict"] == "INTERNAL_ERROR"]
    assert {(row["detail"]["message"], row["attempts"]) for row in rows} == {(reason, attempts)}


def test_several_prompts_that_kill_their_sampler_do_not_end_the_run(drive, store):
    texts = {name: "die" if name in "qsu" else "fine" for name in NAMES}
    found = drive(texts, [start(Sampler), start(Sampler)], [start(Judge)])
    poisoned = {(name, index): "INTERNAL_ERROR" for name in "qsu" for index in range(SAMPLES)}
    assert found == accepted("prtv") | poisoned


def test_prompts_that_kill_their_sampler_are_given_up_in_a_later_session_too(drive, store):
    drive({"p": "fine"}, [start(Sampler)], [start(Judge)])
    found = drive(dict.fromkeys("qrs", "die"), [start(Sampler) for _ in range(3)], [start(Judge)])
    assert found == accepted("p") | {(name, i): "INTERNAL_ERROR" for name in "qrs" for i in range(SAMPLES)}


def test_samplers_that_stop_working_end_the_run_and_no_row_is_made_up(drive, store):
    drive({"p": "fine"}, [start(Sampler)], [start(Judge)])
    with pytest.raises(PipelineError, match="all prompts of 5 problems in a row"):
        drive(dict.fromkeys("qrstuv", "die"), [start(Sampler) for _ in range(4)], [start(Judge)])
    assert store.sampled == accepted("p").keys()
