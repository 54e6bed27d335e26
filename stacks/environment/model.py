"""A model of an environment file: what it is made of, judged by and served on."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from meguru.accelerator import GPU_INSTANCE
from meguru.fingerprint import fingerprint
from meguru.model_plan import NOMINAL_SHAPES, plan
from stacks.environment.hours import HoursSetting
from stacks.environment.jobs import Evaluation, Training
from stacks.environment.recipes import read_recipe
from stacks.environment.refusals import refusals, refusals_at
from stacks.environment.section import Settings
from stacks.environment.source import OnCommit, files_fingerprint
from stacks.environment.values import (
    BaseModelReference,
    Count,
    EndpointInstanceType,
    Engine,
    ImageUri,
    InstanceCount,
    Kind,
    LeastInstances,
    Metrics,
    ModelName,
    RecipeName,
    Schedule,
)

# Metrics that are there only where another model scores the answers.
OF_A_JUDGE = ("judge", "labelled_judge")
# What only a model has that is trained.
OF_TRAINING = ("recipe", "training", "evaluation", "gate", "retrain")


class Gate(Settings):
    """Floors, and how far a metric may fall below the serving model's.

    The first version of a model is held against the floors alone.
    """

    minimum: Annotated[Metrics, Field(min_length=1)] = {"exact_match": 0.5}
    maximum_drop: Metrics = {"exact_match": 0.05}


# What the alarms of a release look back on: one that bakes for less would be over before they ring.
ALARM_SECONDS = 300


Share = Annotated[float, Field(gt=0, le=100)]
Question = Annotated[str, Field(min_length=1, max_length=200)]
# What any model has an answer to, whatever it was made for.
SMOKE_TEST = (
    "こんにちは。何ができますか。",
    "Hello. What can you do?",
    "今日の予定を三つ挙げてください。",
)


class Release(Settings):
    """How a version comes to serve, and when an alarm takes it back.

    `maximum_error_percent` is of all requests, of which a canary answers `canary_percent`: without
    it, half of a canary's share, and at most 5. `maximum_latency_seconds` is what nine answers in
    ten stay below; SageMaker itself ends an answer after 60 seconds. `bake_seconds` is how long a
    release waits for the alarms, and no less than they look back on.

    The other shares are of the new version's own answers, once there are twenty of them: those of
    which the guard kept something back, empty ones, those that say the same over and over, and
    those that were voted down. 100 is never too many. A new version answers each of
    `smoke_test` before it gets any request; without any, none is asked.
    """

    traffic: Literal["all_at_once", "canary"] = "all_at_once"
    canary_percent: Annotated[int, Field(ge=1, le=50)] = 10
    bake_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    poll_seconds: Count = 30
    maximum_error_percent: Annotated[float, Field(gt=0, lt=100)] | None = None
    maximum_latency_seconds: Annotated[int, Field(ge=1, le=480)] = 30
    maximum_guarded_percent: Share = 20
    maximum_empty_percent: Share = 10
    maximum_repeated_percent: Share = 20
    maximum_thumbs_down_percent: Share = 10
    smoke_test: Annotated[list[Question], Field(max_length=10)] = list(SMOKE_TEST)

    @property
    def error_percent(self) -> float:
        if self.maximum_error_percent is not None:
            return self.maximum_error_percent
        return min(5.0, self.canary_percent / 2) if self.traffic == "canary" else 5.0

    @model_validator(mode="after")
    def check_alarms(self) -> Self:
        """The alarms have to be able to ring while there is still something to take back."""
        problems = {}
        waits_for_alarms = self.bake_seconds > 0 or self.traffic == "canary"
        if waits_for_alarms and self.bake_seconds < ALARM_SECONDS:
            problems["bake_seconds"] = (
                f"at least {ALARM_SECONDS}, which the alarms look back on: a shorter release would "
                "be over before they ring (0, with all_at_once, waits for none)"
            )
        given = self.maximum_error_percent
        if self.traffic == "canary" and given is not None and given >= self.canary_percent:
            problems["maximum_error_percent"] = (
                f"below {self.canary_percent}, which is canary_percent: a canary that answers "
                "nothing but errors would not ring it"
            )
        if problems:
            raise refusals(problems, self.model_dump())
        return self


# What an instance has on the average before another one is wanted; 0 where it doesn't matter.
Target = Annotated[int, Field(ge=0, le=2**31 - 1)]


class Endpoint(Settings):
    """What a model is served on. With `min_instances` 0 it has no instance while nobody asks."""

    instance_type: EndpointInstanceType = "ml.m5.xlarge"
    min_instances: LeastInstances = 1
    max_instances: InstanceCount = 2
    invocations_per_instance_per_minute: Target = 300
    requests_in_flight_per_instance: Target = 16
    tokens_in_flight_per_instance: Target = 0
    hours: HoursSetting | None = None
    release: Release = Release()

    @property
    def targets(self) -> dict[str, int]:
        """What an instance has on the average, by the name of what is measured."""
        return {
            "invocations": self.invocations_per_instance_per_minute,
            "requests": self.requests_in_flight_per_instance,
            "tokens": self.tokens_in_flight_per_instance,
        }

    @property
    def scales_to_zero(self) -> bool:
        """SageMaker has no real-time endpoint without an instance but for inference components."""
        return self.min_instances == 0

    @model_validator(mode="after")
    def check_scales_to_zero(self) -> Self:
        """What SageMaker doesn't do with inference components, which come and go with requests."""
        if not self.scales_to_zero:
            return self
        if self.release.traffic == "canary":
            said = (
                "all_at_once, or leave it out: with min_instances 0 SageMaker has no canary, and a "
                "release replaces half of the copies at a time, with the alarms watching each step"
            )
            raise refusals({"traffic": said}, {"traffic": "canary"}, "release")
        if not any(self.targets.values()):
            said = (
                "more than 0 here, or at another measure of load: with min_instances 0 it tells "
                "when nobody asks any more"
            )
            raise refusals({"requests_in_flight_per_instance": said}, self.model_dump())
        return self

    @model_validator(mode="after")
    def check_instances(self) -> Self:
        if self.max_instances >= self.min_instances:
            return self
        # At what stands in the file.
        if "max_instances" in self.model_fields_set:
            said = {"max_instances": f"at least {self.min_instances}, which is min_instances"}
        else:
            said = {"min_instances": f"at most {self.max_instances}, unless max_instances is more"}
        raise refusals(said, self.model_dump())

    @model_validator(mode="after")
    def check_hours(self) -> Self:
        """Hours that change nothing are a mistake, and so is more than there may be."""
        if self.hours is None:
            return self
        most = self.hours.most(self.min_instances)
        said = ""
        if most > self.max_instances:
            said = f"wants {most} instances, more than max_instances, which is {self.max_instances}"
        if most <= self.min_instances:
            said = (
                f"changes nothing: say there, or in peaks, more min_instances than the endpoint's "
                f"own, which is {self.min_instances}"
            )
        if said:
            raise refusals({"hours": said}, {"hours": self.hours})
        return self


class FallingQuality(Settings):
    """How many of the answers that people judge they may find bad, and correct.

    It is looked at over the last `hours`, once there are as many as `answers`.
    """

    bad_percent: Annotated[int, Field(ge=1, le=100)] = 40
    answers: Count = 20
    # A longer window CloudWatch's alarms don't look back on in one piece.
    hours: Annotated[int, Field(ge=1, le=24)] = 24


class Retrain(Settings):
    """What turns the loop: that many of the model's answers corrected or voted on, its answers
    getting worse, a schedule, commits.

    `on_commit` are the paths of the repository whose change starts a training once it is deployed;
    so does a change of the hyperparameters then. What has changed is trained on by itself at most
    `max_runs_per_day` times, in UTC's days.
    """

    corrections: Count = 50
    votes: Count | None = None
    falling_quality: FallingQuality | None = None
    schedule: Schedule | None = None
    on_commit: OnCommit = []
    max_runs_per_day: Count = 24


class Model(Settings):
    """One model: trained, registered and served beside the others.

    `name` is its name in the API where that is another than its key. It is trained from the
    base model `base`, at its newest revision or at that of NAME@REVISION, and from scratch without
    one. What `training` doesn't say is as in `recipe`.
    It is served by `engine`: our own, or vLLM on AWS's image for it or on `engine_image`.

    An embedding model is served as its base model is, by our own engine.
    """

    kind: Kind = "text"
    name: ModelName | None = None
    base: BaseModelReference | None = None
    recipe: RecipeName | None = None
    engine: Engine = "meguru"
    engine_image: ImageUri | None = None
    training: Training = Training()
    evaluation: Evaluation = Evaluation()
    gate: Gate = Gate()
    endpoint: Endpoint = Endpoint()
    retrain: Retrain = Retrain()

    @model_validator(mode="before")
    @classmethod
    def read_recipe(cls, values: Any) -> Any:
        """What the file says of the training, on top of what the recipe does."""
        if not isinstance(values, dict) or not isinstance(values.get("recipe"), str):
            return values
        try:
            recipe = read_recipe(values["recipe"])
        except ValueError as error:
            said = "; ".join(str(error).splitlines())
            raise refusals({"recipe": said}, values) from error
        training = values.get("training", {})
        return {**values, "training": with_recipe(recipe.settings, training)}

    @model_validator(mode="after")
    def check_embedding(self) -> Self:
        if self.kind != "embedding":
            return self
        given = [key for key in OF_TRAINING if key in self.model_fields_set]
        found = dict.fromkeys(given, "leave it out: an embedding model is not trained")
        if self.engine != "meguru":
            found["engine"] = "leave it out: an embedding model has the kit's own engine"
        if self.base is None:
            found["kind"] = "needs a base model: name an embedding model of the lake as `base`"
        if found:
            raise refusals(found, {key: getattr(self, key) for key in found})
        return self

    @property
    def is_trained(self) -> bool:
        return self.kind == "text"

    @model_validator(mode="after")
    def check_base(self) -> Self:
        method = self.training.hyperparameters.get("method", "full")
        if self.base is None and (self.recipe or method == "lora"):
            key = "recipe" if self.recipe else "training"
            said = "needs a base model: name one of the lake's as `base`"
            raise refusals({key: said}, {key: getattr(self, key)})
        return self

    @property
    def base_name(self) -> str:
        """Empty for a model that is trained from scratch."""
        return (self.base or "").partition("@")[0]

    @property
    def base_revision(self) -> str:
        """Empty where the newest is taken."""
        return (self.base or "").partition("@")[2]

    @property
    def training_code(self) -> str:
        """A fingerprint of what commits may change that a model depends on; empty where none may.

        What instances it is trained on changes nothing of it.
        """
        if not self.retrain.on_commit:
            return ""
        training = self.training
        settings = [training.hyperparameters, training.continued_hyperparameters, self.base]
        return fingerprint([files_fingerprint(self.retrain.on_commit), *settings])[:16]

    @model_validator(mode="after")
    def check_judged(self) -> Self:
        """A gate on what nobody measures would refuse every version, after its training."""
        if self.evaluation.judge:
            return self
        for part, values in (
            ("minimum", self.gate.minimum),
            ("maximum_drop", self.gate.maximum_drop),
        ):
            for name in (one for one in values if one in OF_A_JUDGE):
                said = "needs a judge: name one as `evaluation.judge`, or leave it out"
                raise refusals({name: said}, values, "gate", part)
        return self

    @model_validator(mode="after")
    def check_engine(self) -> Self:
        if self.engine == "vllm" and not GPU_INSTANCE.match(self.endpoint.instance_type):
            said = f"vLLM needs a GPU, and the endpoint's {self.endpoint.instance_type} has none"
            raise refusals({"engine": said}, {"engine": self.engine})
        if self.engine == "vllm" and self.endpoint.tokens_in_flight_per_instance:
            said = "vLLM doesn't say: leave it out, and set requests_in_flight_per_instance"
            values = {"tokens_in_flight_per_instance": self.endpoint.tokens_in_flight_per_instance}
            raise refusals({"tokens_in_flight_per_instance": said}, values, "endpoint")
        if self.engine_image and self.engine != "vllm":
            said = "is the image of `engine: vllm`"
            raise refusals({"engine_image": said}, {"engine_image": self.engine_image})
        return self

    @model_validator(mode="after")
    def check_fit(self) -> Self:
        """Before anything is paid for; the base model itself is looked at before each run."""
        if self.recipe is None:
            return self
        size = read_recipe(self.recipe).size
        for number, one in self.training.workloads(NOMINAL_SHAPES[size]).items():
            made = plan(one)
            if not made.fits:
                keys, value = self.training.place_of(number)
                raise refusals_at([(("training", *keys), made.why_not, value)])
        return self


def with_recipe(settings: dict[str, Any], training: Any) -> Any:
    """The section `training` as it stands, with the recipe's where it says nothing."""
    if not isinstance(training, dict):
        return training
    own = training.get("hyperparameters", {})
    if not isinstance(own, dict):
        return training
    hyperparameters = {**settings["hyperparameters"], **own}
    return {**settings, **training, "hyperparameters": hyperparameters}
