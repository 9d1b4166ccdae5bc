from __future__ import annotations

import pytest

from sampler.config import (
    ConfigError,
    RunConfig,
    config_digest,
    flatten,
    load_config,
    result_settings,
    settings,
    to_toml,
)


def test_the_command_line_wins_over_the_file_over_the_defaults(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('samples = 5\nmodel = "file"\n[sampling]\ntemperature = 0.3\n', encoding="utf-8")
    config = load_config(file, {"model": "line", "sampling.top_p": "0.5"})
    assert (config.samples, config.model, config.sampling.temperature, config.sampling.top_p) == (
        5,
        "line",
        0.3,
        0.5,
    )
    assert config.sampling.max_new_tokens == RunConfig().sampling.max_new_tokens


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sample = 3", "unknown setting 'sample'.*did you mean 'samples'"),
        ("[sampling]\ntemprature = 1", "'sampling.temprature'.*did you mean 'sampling.temperature'"),
        ("[samplin]\ntemperature = 1", "did you mean 'sampling'"),
        ("samples = 0", "setting samples is 0"),
        ("samples = [", "is not TOML"),
        ("[sampling]\ntemperature = nan", "sampling.temperature is nan"),
        ('[prompt]\nlayout = "upside-down"', "prompt.layout is 'upside-down'"),
        ("sampling = 3", "sampling is 3 in .*: it is a section"),
        ("samples = true", "samples is True: true and false are for switches only"),
        ("[sampling]\ntop_p = true", "sampling.top_p is True: true and false"),
        ('[sampling]\nstop = ["x", ""]', "sampling.stop is '': .*at least 1 character"),
        ("[report]\nconfidence = nan", "report.confidence is nan: .*finite"),
        ("[ray]\nsampler_gpus = inf", "ray.sampler_gpus is inf: .*finite"),
        ("[ray]\nsampler_gpus = -0.5", "ray.sampler_gpus is -0.5: allowed are -1, 0, a share"),
        ("[ray]\nsampler_gpus = 1.5", "ray.sampler_gpus is 1.5: allowed are -1, 0, a share"),
        ('[engine]\ndevice = "nonsense"', "engine.device is 'nonsense': .*auto, cpu, cuda or cuda:N"),
        ('out = ""', "out is '': it is empty"),
        ('out = "~no-such-user/x"', "write the directory in full"),
        (r'out = "a\u0000b"', "out is .*holds a NUL"),
    ],
)
def test_a_bad_file_is_explained(tmp_path, text, message):
    file = tmp_path / "run.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_config(file, {})


@pytest.mark.parametrize(
    ("key", "value"), [("model", "a\udc80"), ("out", "a\udc80"), ("sampling.stop", ("\udc80",))]
)
def test_bytes_that_are_not_utf8_are_refused(key, value):
    with pytest.raises(ConfigError, match=f"{key} is .*not UTF-8"):
        load_config(None, {key: value})


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:0", "cuda:12"])
def test_devices(device):
    assert load_config(None, {"engine.device": device}).engine.device == device


@pytest.mark.parametrize(
    ("given", "kept"), [("8GiB", "8GiB"), (0.5, "0.5"), (8_000_000, "8000000"), (None, None)]
)
def test_memory_is_a_size_or_a_share(given, kept):
    assert load_config(None, {"engine.kv_memory": given}).engine.kv_memory == kept


@pytest.mark.parametrize("given", ["8 apples", 0, 1.5, True, []])
def test_other_memory_is_refused(given):
    with pytest.raises(ConfigError, match=r"engine\.kv_memory is .*'8GiB'|switches only"):
        load_config(None, {"engine.kv_memory": given})


@pytest.mark.parametrize(("given", "gpus"), [("-1", -1.0), (0, 0.0), ("0.25", 0.25), (1, 1.0), (8, 8.0)])
def test_gpus_that_ray_can_give(given, gpus):
    assert load_config(None, {"ray.sampler_gpus": given}).ray.sampler_gpus == gpus


def test_whole_numbers_of_toml_are_numbers(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text("[sampling]\ntemperature = 1\ntop_p = 1\n", encoding="utf-8")
    config = load_config(file, {})
    assert (config.sampling.temperature, config.sampling.top_p) == (1.0, 1.0)
    assert config_digest(config) == config_digest(
        load_config(None, {"sampling.temperature": "1.0", "sampling.top_p": "1.0"})
    )


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        load_config(tmp_path / "absent.toml", {})


def test_the_written_settings_read_back(tmp_path):
    config = load_config(
        None,
        {
            "sampling.stop": ["\n```", 'quote " \\ é 😀', "".join(map(chr, range(0xA0)))],
            "judge.all_tests": "true",
            "out": "some/where",
        },
    )
    file = tmp_path / "config.toml"
    file.write_text(to_toml(config), encoding="utf-8")
    assert load_config(file, {}) == config


def test_every_setting_has_a_help_text_and_a_flat_value():
    flat = flatten(RunConfig())
    for key, field in settings():
        assert field.description, key
        assert key in flat


def test_only_what_changes_rows_changes_the_digest():
    base = config_digest(RunConfig())
    for key, value in {
        "ray.samplers": 3,
        "report.resamples": 7,
        "out": "x",
        "engine.kv_memory": "1GB",
    }.items():
        assert config_digest(load_config(None, {key: value})) == base, key
    for key, value in {"seed": 1, "samples": 7, "sampling.top_p": 0.5, "few_shot.sets": 1}.items():
        assert config_digest(load_config(None, {key: value})) != base, key


def test_the_run_directory_is_named_after_problems_and_model():
    assert str(RunConfig().run_dir) == "runs/bundled-demo"
    config = load_config(None, {"problems": "package:a/b?limit=3", "model": "org/name-7B"})
    assert str(config.run_dir) == "runs/package-a-b-limit-3-org-name-7B"


@pytest.mark.parametrize("model", ["m" * 300, "é" * 300, "..." + "漢" * 33 + "."])
def test_the_run_directory_has_a_name_that_file_systems_take(model):
    name = load_config(None, {"model": model}).run_dir.name
    assert 90 < len(name.encode()) <= 100
    assert name.strip(".-") == name


def test_the_home_directory_is_looked_up(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert str(load_config(None, {"out": "~/runs/today"}).run_dir) == "/home/someone/runs/today"


def test_result_settings_hold_the_seed_and_no_paths_of_the_run():
    kept = result_settings(RunConfig())
    assert "seed" in kept
    assert "out" not in kept
