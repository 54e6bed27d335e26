"""What requests for text have in common: how tokens are chosen, how many, and what is streamed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from meguru.json_request import flag, number, refusal, text_of, whole_number, wrong

# What says nothing of the answer: read for its type, and not passed on.
IGNORED = (
    "user",
    "metadata",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "service_tier",
)
# More than any model's context: who asks for more gets what there is.
MAX_ANSWER_TOKENS = 10_000_000
MAX_STOPS = 4
MAX_CHOICES = 128
MAX_PENALTY = 2.0
MAX_BIAS = 100
# The last is vLLM's: usage so far in every chunk.
STREAM_OPTIONS = ("include_usage", "include_obfuscation", "continuous_usage_stats")
# The members that any request for text may have.
SAMPLING = (
    "model",
    "max_tokens",
    "temperature",
    "top_p",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "n",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
)


@dataclass(frozen=True, kw_only=True)
class SamplingRequest:
    """How an answer is made. `temperature` and `top_p` None: as the model's own settings say.

    `engine_options` are by OpenAI's names what not every engine can: `n` above 1, penalties and
    the like, and only where they change something. An engine that can't refuses them by name.
    `end_user` is whom the caller asks for, `topic` what it says the question is about; empty: it
    doesn't say. Neither changes an answer.
    """

    kind: ClassVar[str] = "text"

    model: str | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: list[str] = field(default_factory=list)
    stream: bool = False
    include_usage: bool = False
    continuous_usage: bool = False
    engine_options: dict[str, Any] = field(default_factory=dict)
    end_user: str = ""
    topic: str = ""

    def of_model(self, model: str) -> Self:
        """The same, asked of another model."""
        return replace(self, model=model)

    @property
    def num_choices(self) -> int:
        """How many answers are asked for."""
        return int(self.engine_options.get("n", 1))

    def most_answer_tokens(self, default: int) -> int:
        """The most tokens of all answers; `default` is of one where the request sets no limit."""
        return self.num_choices * min(self.max_tokens or default, MAX_ANSWER_TOKENS)

    def sampling_body(self) -> dict[str, Any]:
        """The members of a body in OpenAI's form; those that were not given are left out."""
        members: dict[str, Any] = {
            "model": self.model,
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "seed": self.seed,
            "stop": self.stop or None,
            **self.engine_options,
        }
        if self.stream:
            members["stream"] = True
            members["stream_options"] = {
                "include_usage": self.include_usage,
                "continuous_usage_stats": self.continuous_usage,
            }
        return {name: value for name, value in members.items() if value is not None}


def read_sampling(body: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a SamplingRequest; ApiError (400) names the member that is wrong."""
    stream = flag(body, "stream")
    options = _stream_options(body, stream)
    return {
        "model": text_of(body["model"], "model") if "model" in body else None,
        "max_tokens": read_num_tokens(body, "max_tokens"),
        "temperature": number(body, "temperature", 0.0, 2.0),
        "top_p": number(body, "top_p", 0.0, 1.0),
        "seed": _seed(body),
        "stop": _stop(body.get("stop", [])),
        "stream": stream,
        "include_usage": flag(options, "include_usage", "stream_options."),
        "continuous_usage": flag(options, "continuous_usage_stats", "stream_options."),
        "engine_options": _engine_options(body),
        "end_user": body.get("safety_identifier") or body.get("user", ""),
        "topic": body.get("metadata", {}).get("topic", ""),
    }


def refuse_unknown(
    body: dict[str, Any],
    read: Collection[str],
    neutral: Mapping[str, Any],
    unsupported: Collection[str],
) -> None:
    """ApiError (400) for a member that isn't `read`.

    One of `neutral` is accepted where it asks for what happens anyway.
    """
    for name, value in body.items():
        if name in unsupported or (name in neutral and not _same(value, neutral[name])):
            raise not_supported(name)
        if name not in read and name not in neutral and name not in IGNORED:
            message = "Unrecognized request argument supplied: {}"
            raise refusal(message, name, "unknown_parameter")
        if name == "metadata":
            _check_metadata(value)
        elif name in IGNORED:
            text_of(value, name)


def not_supported(name: str) -> Exception:
    message = "Unsupported value or parameter: '{}' is not supported by this model."
    return refusal(message, name, "unsupported_parameter")


def refuse_engine_options(request: SamplingRequest) -> None:
    """For an engine that knows none of them: ApiError (400) names the first."""
    for name in request.engine_options:
        raise not_supported(name)


def read_num_tokens(body: dict[str, Any], name: str) -> int | None:
    value = whole_number(body, name)
    if value is not None and value < 1:
        wanted = "an integer of at least 1; an answer ends where the model's context does"
        raise wrong(name, wanted, "invalid_value")
    return value


def _same(value: object, neutral: object) -> bool:
    # True == 1 in Python, and 0 == 0.0 in JSON.
    return value == neutral and isinstance(value, bool) == isinstance(neutral, bool)


def _check_metadata(value: object) -> None:
    if not isinstance(value, dict):
        raise wrong("metadata", "an object")
    for name, text in value.items():
        text_of(name, "metadata")
        text_of(text, f"metadata.{name}")


def _engine_options(body: dict[str, Any]) -> dict[str, Any]:
    """Those that change something."""
    choices = whole_number(body, "n")
    if choices is not None and not 1 <= choices <= MAX_CHOICES:
        raise wrong("n", f"an integer from 1 to {MAX_CHOICES}", "invalid_value")
    penalties = ("frequency_penalty", "presence_penalty")
    given = {
        "n": None if choices == 1 else choices,
        **{name: number(body, name, -MAX_PENALTY, MAX_PENALTY) or None for name in penalties},
        "logit_bias": _logit_bias(body) or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _logit_bias(body: dict[str, Any]) -> dict[str, float]:
    value = body.get("logit_bias", {})
    if not isinstance(value, dict) or not all(token.isdecimal() for token in value):
        raise wrong("logit_bias", "an object of token ids and numbers")
    return {
        token: number(value, token, -MAX_BIAS, MAX_BIAS, "logit_bias.") or 0.0 for token in value
    }


def _seed(body: dict[str, Any]) -> int | None:
    value = whole_number(body, "seed")
    if value is not None and not -(2**63) <= value < 2**63:
        raise wrong("seed", f"an integer within {-(2**63)} to {2**63 - 1}", "invalid_value")
    return value


def _stop(value: object) -> list[str]:
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list):
        raise wrong("stop", "a string or a list of strings")
    texts = [text_of(one, "stop", "a string or a list of strings") for one in stops]
    if len(texts) > MAX_STOPS or "" in texts:
        raise wrong("stop", f"at most {MAX_STOPS} strings, none empty", "invalid_value")
    return texts


def _stream_options(body: dict[str, Any], stream: bool) -> dict[str, Any]:
    options = body.get("stream_options")
    if options is None:
        return {}
    if not isinstance(options, dict) or set(options) - set(STREAM_OPTIONS):
        raise wrong("stream_options", "an object with 'include_usage'")
    if not stream:
        raise wrong("stream_options", "'stream' to be true as well", "invalid_value")
    flag(options, "include_obfuscation", "stream_options.")
    return options
