"""The settings of a run: defaults, then the TOML file, then the command line.

The fields below are the only list of settings: the options of the commands, the keys of the TOML file,
`config.toml` in the run directory and the check on resume are all made from them.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo

from sampler.engine.memory import parse_kv_memory

_SLUG_BYTES = 100


class ConfigError(Exception):
    """A setting that cannot be used; the text names the key, its value and what is allowed."""


def _is_unicode(text: str) -> bool:
    """Whether the text is free of lone surrogates, by which Python stands for bytes that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _what_pydantic_lets_pass(cls, value: Any, info: ValidationInfo) -> Any:
        """Python takes true for 1, but who writes `samples = true` means something else."""
        field = cls.model_fields[info.field_name or ""]
        if isinstance(value, bool) and field.annotation is not bool:
            raise ValueError("true and false are for switches only")
        for text in value if isinstance(value, list | tuple) else (value,):
            if isinstance(text, str | Path) and not _is_unicode(str(text)):
                raise ValueError("it is not UTF-8, and config.toml can hold nothing else")
        return value


def _setting(default: Any, text: str, *, result: bool = True, **bounds: Any) -> Any:
    """A field with its help text; `result=False` marks what cannot change any row of the run."""
    return Field(default, description=text, json_schema_extra={"result": result}, **bounds)


class FewShotConfig(_Section):
    """Worked examples in the prompt."""

    source: str = _setting("bundled?difficulty=easy", "Problem-set SPEC, or .jsonl file, of the examples.")
    sets: NonNegativeInt = _setting(0, "Few-shot sets; samples are dealt over them. 0 for none.")
    examples: NonNegativeInt = _setting(1, "Examples in a set.")


class PromptConfig(_Section):
    """How a prompt is put together."""

    layout: Literal["problem-first", "fewshot-first"] = _setting(
        "problem-first", "What stands at the root of the prompt tree."
    )
    chat_template: Literal["auto", "on", "off"] = _setting(
        "auto", "Render prompts by the tokenizer's chat template (auto: if it has one)."
    )


class SamplingConfig(_Section):
    """How tokens are drawn."""

    max_new_tokens: PositiveInt = _setting(512, "Longest completion, in tokens.")
    temperature: float = _setting(0.8, "0 is greedy.", ge=0.0)
    top_p: float = _setting(0.95, "Nucleus; 1 is off.", gt=0.0, le=1.0)
    top_k: NonNegativeInt = _setting(0, "Most probable tokens kept; 0 is off.")
    min_p: float = _setting(
        0.0, "Least probability kept, as a share of the most likely token's; 0 is off.", ge=0.0, le=1.0
    )
    stop: tuple[Annotated[str, Field(min_length=1)], ...] | None = _setting(
        None, "Strings that end a completion. Default: the closing code fence where the prompt opens one."
    )
    stop_at_closed_fence: bool = _setting(False, "End a completion after the first code fence closed.")
    logprobs: bool = _setting(False, "Write the log-probabilities of the drawn tokens into the sample rows.")


class EngineConfig(_Section):
    """Where and how the model runs."""

    device: str = _setting("auto", "auto, cpu, cuda or cuda:N.", pattern=r"^(auto|cpu|cuda(:[0-9]+)?)$")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = _setting("auto", "Weights and cache.")
    attention: Literal["tree", "single_level", "per_sequence"] = _setting(
        "tree", "What branches share: keys, values and reads of all, those of roots only, or no reads."
    )
    max_rows: PositiveInt = _setting(128, "Most branches decoded at once on one sampler.", result=False)
    kv_memory: str | None = _setting(
        None,
        "Most memory for keys and values: a size (8GiB), or a share of what is free once the model is loaded "
        "(0.5). Default: 0.8 of a GPU's, 0.3 of the machine's.",
        result=False,
    )
    deterministic: bool = _setting(
        False, "Give every call of the model a fixed shape: batches change no token on a GPU either; slower."
    )
    threads: NonNegativeInt = _setting(
        0, "CPU threads of a sampler; 0 leaves half of the cores to judges.", result=False
    )

    @field_validator("kv_memory", mode="before")
    @classmethod
    def _a_size_or_a_share(cls, kv_memory: Any) -> Any:
        """TOML has numbers too: 0.5 and 8000000000 are as good as in quotes."""
        parse_kv_memory(kv_memory)
        return kv_memory if kv_memory is None else str(kv_memory)


class JudgeConfig(_Section):
    """How programs are judged."""

    sandbox: Literal["auto", "bubblewrap"] = _setting("auto", "What programs are confined by.")
    jobs: NonNegativeInt = _setting(
        0, "Programs judged at once on one judge actor; 0 chooses by its cores.", result=False
    )
    all_tests: bool = _setting(False, "Run every test, also after the first failing one.")


class RayConfig(_Section):
    """Where the run's workers live. None of this changes a row."""

    address: str | None = _setting(None, "Address of a Ray cluster; none starts Ray here.", result=False)
    samplers: PositiveInt = _setting(1, "Sampler actors.", result=False)
    judges: PositiveInt = _setting(1, "Judge actors.", result=False)
    sampler_gpus: float = _setting(
        -1.0, "GPUs of a sampler, a share of one or whole ones; -1: one where there is one.", result=False
    )
    unit_samples: PositiveInt = _setting(256, "Samples in a unit of work, about.", result=False)
    unit_timeout_seconds: PositiveInt = _setting(
        3600,
        "Seconds since the last batch of samples of a unit of work, after which its sampler is started anew "
        "and the rest of the unit tried again.",
        result=False,
    )

    @field_validator("sampler_gpus")
    @classmethod
    def _gpus_that_ray_can_give(cls, gpus: float) -> float:
        if gpus != -1 and not 0 <= gpus <= 1 and not (gpus > 1 and gpus.is_integer()):
            raise ValueError("allowed are -1, 0, a share of one GPU such as 0.5, or a whole number")
        return gpus


class ReportConfig(_Section):
    """What the report shows. None of this changes a row."""

    confidence: float = _setting(0.95, "Level of the intervals.", result=False, gt=0.0, lt=1.0)
    resamples: PositiveInt = _setting(2000, "Bootstrap resamples over problems.", result=False)
    programs_per_problem: PositiveInt = _setting(
        50, "Most distinct programs shown per problem; all are in the rows.", result=False
    )


class RunConfig(_Section):
    """All settings of a run."""

    problems: str = _setting("bundled", "Problem-set SPEC: bundled or package:DIR, with ?filters.")
    model: str = _setting("demo", "Hugging Face model name or directory; demo is the bundled one.")
    samples: PositiveInt = _setting(32, "Samples per problem.")
    seed: NonNegativeInt = _setting(0, "Seed of everything that is drawn.", lt=2**63)
    out: Path | None = _setting(
        None, "Run directory; the same command resumes it. Default: runs/PROBLEMS-MODEL.", result=False
    )
    few_shot: FewShotConfig = FewShotConfig()
    prompt: PromptConfig = PromptConfig()
    sampling: SamplingConfig = SamplingConfig()
    engine: EngineConfig = EngineConfig()
    judge: JudgeConfig = JudgeConfig()
    ray: RayConfig = RayConfig()
    report: ReportConfig = ReportConfig()

    @field_validator("out", mode="before")
    @classmethod
    def _out_is_a_path(cls, out: Any) -> Any:
        """A shell leaves the ~ of --out=~/runs as it is; an empty path would mean the working directory."""
        if not isinstance(out, str | Path):
            return out
        if not str(out).strip() or "\0" in str(out):
            raise ValueError("it is empty or holds a NUL; name a directory")
        try:
            return Path(out).expanduser()
        except RuntimeError as error:  # ~name, of a user who is not there
            raise ValueError(f"{error}; write the directory in full") from error

    @property
    def run_dir(self) -> Path:
        """Where the run's files are."""
        if self.out is not None:
            return self.out
        return Path("runs") / _slug(f"{self.problems}-{self.model}")


def settings(model: type[BaseModel] = RunConfig, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield (dotted key, field) of every setting, in order."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from settings(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def flatten(config: BaseModel) -> dict[str, Any]:
    """The settings as {dotted key: JSON value}."""
    nested = config.model_dump(mode="json")
    return {key: _lookup(nested, key) for key, _ in settings(type(config))}


def result_settings(config: RunConfig) -> dict[str, Any]:
    """The settings on which the rows of a run depend, as {dotted key: JSON value}."""
    flat = flatten(config)
    return {key: flat[key] for key, field in settings() if _extra(field).get("result", True)}


def config_digest(config: RunConfig) -> str:
    """SHA-256, in hex, over `result_settings`."""
    return hashlib.sha256(json.dumps(result_settings(config), sort_keys=True).encode()).hexdigest()


def load_config(file: Path | None, overrides: Mapping[str, Any]) -> RunConfig:
    """Resolve the settings.

    Args:
        file: a TOML file, or None.
        overrides: {dotted key: value} from the command line; values may be strings.

    Raises:
        ConfigError: the file cannot be read, a key is unknown, or a value is not allowed.
    """
    values: dict[str, Any] = _read_toml(file) if file is not None else {}
    _refuse_unknown(values, f"{file}")
    for key, value in overrides.items():
        _assign(values, key, value)
    _refuse_unknown(values, "the overrides")
    try:
        return RunConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(fault) for fault in error.errors())) from error


def to_toml(config: RunConfig) -> str:
    """The resolved settings as a TOML file that `load_config` reads; unset ones are left out."""
    lines: list[str] = []
    section = ""
    for key, value in flatten(config).items():
        head, _, name = key.rpartition(".")
        if head != section:
            section = head
            lines.append(f"\n[{head}]")
        if value is not None:
            lines.append(f"{name} = {_toml_value(value)}")
    return "\n".join(lines).lstrip() + "\n"


def _toml_value(value: Any) -> str:
    """JSON but for one character: TOML wants DEL escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"configuration file {str(file)!r} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration file {str(file)!r} is not TOML: {error}") from error


def _refuse_unknown(values: Mapping[str, Any], where: str, prefix: str = "") -> None:
    known = [key for key, _ in settings()]
    sections = {key.split(".")[0] for key in known if "." in key}
    for name, value in values.items():
        key = f"{prefix}{name}"
        if key in sections:
            if not isinstance(value, dict):
                raise ConfigError(f"setting {key} is {value!r} in {where}: it is a section, [{key}] in TOML")
            _refuse_unknown(value, where, f"{key}.")
        elif key not in known:
            near = difflib.get_close_matches(key, [*known, *sections], n=1, cutoff=0.5)
            meant = f"; did you mean {near[0]!r}?" if near else f"; known keys: {', '.join(known)}"
            raise ConfigError(f"unknown setting {key!r} in {where}{meant}")


def _assign(values: dict[str, Any], key: str, value: Any) -> None:
    *sections, name = key.split(".")
    for section in sections:
        values = values.setdefault(section, {})
    values[name] = value


def _lookup(nested: Mapping[str, Any], key: str) -> Any:
    value: Any = nested
    for name in key.split("."):
        value = value[name]
    return value


def _explain(fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"] if isinstance(part, str))
    field = dict(settings()).get(key)
    described = field.description if field is not None else None
    meaning = f" ({described})" if described else ""
    return f"setting {key} is {fault['input']!r}: {fault['msg'].removeprefix('Value error, ')}{meaning}"


def _extra(field: FieldInfo) -> dict[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


def _slug(text: str) -> str:
    kept = "".join(c if c.isalnum() or c in "._" else "-" for c in text)
    name = "-".join(part for part in kept.split("-") if part)
    # File systems count bytes, 255 at most; the end of the name tells runs apart.
    return name.encode()[-_SLUG_BYTES:].decode(errors="ignore").strip(".-")
