"""The driver against real Ray actors on two nodes; their work is simple, so that faults can be placed."""

from __future__ import annotations

import io
import os
import time

import pytest
import ray

from judge import Judgement, Verdict
from problems import Problem, TestCase
from sampler.core import Completion, Prompt
from sampler.pipeline.actors import Batch, Undrawable
from sampler.pipeline.driver import Driver, PipelineError, Task
from sampler.pipeline.progress import Progress
from sampler.pipeline.rows import sample_row
from sampler.pipeline.store import RunStore
from sampler.pipeline.units import make_units

PROBLEMS = {
    name: Problem(name, name, "Do.", (TestCase("sample/1", b"", b"1", sample=True),))
    for name in ("p", "q", "r")
}
SAMPLES = 6


class Sampler:
    """Draws `print(index)`; dies, stays silent or refuses where the text of a prompt says so."""

    def sample(self, unit):
        for prompt in unit.prompts:
            if "refuse" in prompt.text:
                yield Batch(undrawable=(Undrawable(prompt, "it is too long"),))
                continue
            for index in prompt.sample_indices:
                if "die" in prompt.text and index >= 2:
                    os._exit(1)
                if "raise" in prompt.text and index >= 2:
                    raise RuntimeError("out of memory")
                if "hang" in prompt.text and index >= 2:
                    time.sleep(600)
                text = f"print({index})\n" if index else ""
                completion = Completion(prompt.prompt_id, index, (1, 2), text, "stop", 5, 5, 0.1)
                yield Batch((sample_row(prompt, completion, 0, "test", "now"),), (), 1)


class Judge:
    """Accepts `print(1)`; dies the first time it sees `print(3)`, always on `print(4)` where told to."""

    def __init__(self, folder, deadly=False):
        self.folder, self.deadly = folder, deadly

    def judge(self, problem_id, program):
        mark = self.folder / f"{problem_id}-died"
        if program.text == "print(3)\n" and not mark.exists():
            mark.touch()
            os._exit(1)
        if program.text == "print(4)\n" and self.deadly:
            os._exit(1)
        return Judgement(Verdict.AC if program.text == "print(1)\n" else Verdict.WA, 1, 1)

    def check(self, problem_id):
        assert problem_id in PROBLEMS


def start(actor, *args):
    return ray.remote(actor).options(num_cpus=0.1, max_restarts=-1, max_task_retries=0).remote(*args)


def drive(store, prompts, tmp_path, *, deadly=False, timeout=600.0, judging=True):
    progress = Progress(total=SAMPLES * len(prompts), stream=io.StringIO())
    driver = Driver(
        store=store,
        problems=PROBLEMS,
        samplers=[start(Sampler) for _ in range(2)],
        judges=[start(Judge, tmp_path, deadly) for _ in range(2)] if judging else [],
        judge_slots=1,
        seed=0,
        unit_timeout_seconds=timeout,
        progress=progress,
    )
    with progress:
        tasks = [Task(("p", 99), None, drawn=False)] if ("p", 99) in store.sampled else []
        driver.run(make_units(prompts, store.sampled, 4), tasks)
    return driver


@pytest.fixture
def store(tmp_path, cluster):
    with RunStore(tmp_path / "run") as store:
        store.begin({"seed": 0}, "")
        yield store


def prompts_of(**texts):
    return [Prompt(f"{name}/0", text=text, samples=SAMPLES, problem_id=name) for name, text in texts.items()]


def verdicts(store):
    return {(row["problem_id"], row["sample_index"]): row["verdict"] for row in store.directory.verdicts()}


def test_every_sample_is_drawn_and_judged_once_though_judges_die(store, tmp_path):
    driver = drive(store, prompts_of(p="fine", q="fine"), tmp_path)
    expected = {0: "NO_CODE", 1: "AC", 2: "WA", 3: "WA", 4: "WA", 5: "WA"}
    assert verdicts(store) == {(name, i): verdict for name in "pq" for i, verdict in expected.items()}
    assert len(list(store.directory.samples())) == 12
    assert driver.figures() == {"sampled": 12, "judged": 12, "new_tokens": 24, "prefilled_tokens": 12}


@pytest.mark.parametrize("fault", ["die", "raise"])
def test_a_prompt_that_kills_its_sampler_takes_no_neighbour_with_it(store, tmp_path, fault):
    drive(store, prompts_of(p="fine", q=fault, r="fine"), tmp_path)
    found = verdicts(store)
    assert all(found[name, i] in ("AC", "WA", "NO_CODE") for name in "pr" for i in range(SAMPLES))
    assert [found["q", i] for i in range(SAMPLES)] == ["NO_CODE", "AC"] + ["INTERNAL_ERROR"] * 4
    reasons = {row["finish_reason"] for row in store.directory.samples() if row["problem_id"] == "q"}
    assert reasons == {"stop", "error"}
    detail = next(row["detail"] for row in store.directory.verdicts() if row["verdict"] == "INTERNAL_ERROR")
    assert "3 samplers failed with it" in detail["message"]


def test_a_prompt_that_no_model_can_take_is_not_tried_again(store, tmp_path):
    drive(store, prompts_of(p="refuse", q="fine"), tmp_path)
    found = verdicts(store)
    assert {found["p", i] for i in range(SAMPLES)} == {"INTERNAL_ERROR"}
    assert len(found) == 2 * SAMPLES


def test_a_silent_sampler_is_restarted(store, tmp_path):
    drive(store, prompts_of(p="fine", q="hang"), tmp_path, timeout=2.0)
    found = verdicts(store)
    assert [found["q", i] for i in range(SAMPLES)] == ["NO_CODE", "AC"] + ["INTERNAL_ERROR"] * 4


def test_a_program_that_kills_judges_is_our_failure_never_its_own(store, tmp_path):
    drive(store, prompts_of(p="fine"), tmp_path, deadly=True)
    row = next(row for row in store.directory.verdicts() if row["sample_index"] == 4)
    assert row["verdict"] == "INTERNAL_ERROR"
    assert "not judged" in row["detail"]["message"]
    assert row["attempts"] == 3


def test_samplers_that_only_die_end_the_run_and_no_row_is_made_up(store, tmp_path):
    prompts = [Prompt(f"{n}/0", text="die", samples=(3, 4), problem_id=n) for n in "pqr"]
    with pytest.raises(PipelineError, match="6 times in a row"):
        drive(store, prompts, tmp_path)
    assert not store.sampled


def test_without_judges_samples_wait_for_a_later_session(store, tmp_path):
    drive(store, prompts_of(p="fine"), tmp_path, judging=False)
    assert len(store.sampled) == SAMPLES
    assert not store.judged


def test_a_sample_given_up_earlier_is_not_called_no_code(store, tmp_path):
    store.append_sample({"problem_id": "p", "sample_index": 99, "finish_reason": "error", "program": None})
    drive(store, [], tmp_path)
    assert verdicts(store) == {("p", 99): "INTERNAL_ERROR"}
