"""What an environment file may say. What has a default need not stand in it."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from meguru.accelerator import GPU_INSTANCE
from meguru.base_model import Shape
from meguru.fingerprint import fingerprint
from meguru.hyperparameters import CONTEXT, SHAPE, Hyperparameters, as_text, read_values
from meguru.instance_offers import OFFERS
from meguru.model_plan import NOMINAL_SHAPES, Workload, plan, workload
from meguru.names import OWNER_TAG, resource_name
from meguru.normalisation import ON
from stacks.environment.aws_offers import local_storage_gb
from stacks.environment.capacity import Capacity, FallBack
from stacks.environment.network import Network
from stacks.environment.recipes import read_recipe
from stacks.environment.refusals import refusals, refusals_at
from stacks.environment.section import SECTION
from stacks.environment.source import OnCommit, Source, files_fingerprint
from stacks.environment.values import (
    MAX_TRAINING_MINUTES,
    Account,
    BaseModelName,
    ContinuedValues,
    Count,
    Days,
    Email,
    EndpointInstanceType,
    Engine,
    HyperparameterValues,
    ImageUri,
    InstanceCount,
    JudgeAddress,
    JudgeModel,
    Kind,
    Metrics,
    ModelKey,
    ModelName,
    Name,
    Normalisation,
    PolicyName,
    ProcessingInstanceType,
    ProcessingMinutes,
    RecipeName,
    Region,
    ReservedConcurrency,
    RoleNamePrefix,
    S3Prefix,
    Schedule,
    SecretId,
    Tags,
    TrainingInstanceType,
    TrainingMinutes,
    VolumeGB,
)

MINUTES_A_DAY = 24 * 60
MAX_FALL_BACKS = 3
# The objective that learns right answers alone.
CAUSAL_LM = "causal_lm"


class Settings(BaseModel):
    """A part of the environment file."""

    model_config = SECTION


class JobSettings(Settings):
    """A job's instances, and the volume of each."""

    instance_type: str
    volume_gb: VolumeGB

    @property
    def instance_types(self) -> list[str]:
        """All that the job may run on."""
        return [self.instance_type]

    @model_validator(mode="after")
    def check_volume(self) -> Self:
        for instance_type in self.instance_types:
            storage = local_storage_gb(instance_type)
            if storage is not None and self.volume_gb > storage:
                said = (
                    f"at most {storage}, which {instance_type} brings: "
                    "a job takes its instance's own storage for a volume"
                )
                raise refusals({"volume_gb": said}, {"volume_gb": self.volume_gb})
        return self


class Curation(JobSettings):
    """The curation job. `normalisation` names the rules that its text for training is made by."""

    instance_type: ProcessingInstanceType = "ml.m5.large"
    batch_seconds: Annotated[int, Field(ge=0, le=300)] = 300
    volume_gb: VolumeGB = 30
    feedback_weight: Annotated[Count, Field(le=1000)] = 10
    normalisation: Normalisation = ON


class BaseModels(JobSettings):
    """The job that adds base models: it has room for a model twice, and memory for a GGUF's.

    `sources` are prefixes of other buckets that it may read; their owners have to let it.
    """

    instance_type: ProcessingInstanceType = "ml.m5.2xlarge"
    max_runtime_minutes: ProcessingMinutes = 240
    volume_gb: VolumeGB = 100
    sources: list[S3Prefix] = []


class Training(JobSettings):
    """The training job. Hyperparameters are checked as the job does, and go to it as they are.

    With `continued_hyperparameters`, training goes on from the weights that serve once there are
    any; without, every training starts from scratch. What they don't say is as in
    `hyperparameters`, and the model keeps the shape it has.

    A run that is reclaimed `max_interruptions` times, or gets no instances as often, goes on from
    its checkpoints on what `fall_back` names, in its order: on demand where it says nothing.
    """

    instance_type: TrainingInstanceType = "ml.m5.xlarge"
    instance_count: InstanceCount = 1
    spot: bool = True
    fall_back: Annotated[list[FallBack], Field(max_length=MAX_FALL_BACKS)] | None = None
    max_interruptions: Annotated[int, Field(ge=1, le=100)] = 3
    max_runtime_minutes: TrainingMinutes = 720
    max_wait_minutes: TrainingMinutes | None = None
    volume_gb: VolumeGB = 50
    hyperparameters: HyperparameterValues = {}
    continued_hyperparameters: ContinuedValues | None = None

    @model_validator(mode="after")
    def check_fall_back(self) -> Self:
        for before, after in pairwise(self.capacities):
            if before == after:
                said = "names the instances that it falls back from: another type, or on demand"
                raise refusals({"fall_back": said}, {"fall_back": self.fall_back})
        return self

    @model_validator(mode="after")
    def check_max_wait(self) -> Self:
        is_spot = any(one.spot for one in self.capacities)
        if is_spot and self.wait_minutes < self.max_runtime_minutes:
            said = (
                f"at least {self.max_runtime_minutes}, which is max_runtime_minutes: "
                "waiting for spot instances includes the run itself"
            )
            raise refusals({"max_wait_minutes": said}, {"max_wait_minutes": self.max_wait_minutes})
        return self

    @model_validator(mode="after")
    def check_continued(self) -> Self:
        """Against the model that is gone on from, as the job checks them."""
        own = self.continued_hyperparameters or {}
        first = Hyperparameters.parse(as_text(self.hyperparameters))
        found = {}
        for name, value in read_values(as_text(own)).items():
            before = getattr(first, name)
            if name in SHAPE and value != before:
                found[name] = f"{before}, as it is in the model that is gone on from"
            elif name == CONTEXT and value < before:
                found[name] = f"at least {before}: a model's context may grow, not shrink"
        if found:
            raise refusals(found, own, "continued_hyperparameters")
        return self

    @property
    def continued(self) -> dict[str, Any]:
        """The hyperparameters of a training that goes on from the weights that serve."""
        return {**self.hyperparameters, **(self.continued_hyperparameters or {})}

    @property
    def capacities(self) -> list[Capacity]:
        """The instances asked for, and what the job falls back to, in order."""
        first = Capacity(self.instance_type, self.instance_count, self.spot)
        others = self.fall_back
        if others is None:
            others = [FallBack()] if self.spot else []
        return [first, *(other.beside(first) for other in others)]

    @property
    def instance_types(self) -> list[str]:
        return [one.instance_type for one in self.capacities]

    def workloads(self, shape: Shape) -> list[Workload]:
        """What a training from a base model of this shape takes, on each of `capacities`."""
        return [
            workload(
                shape,
                one.instance_type,
                self.hyperparameters,
                instance_count=one.instance_count,
                spot=one.spot,
            )
            for one in self.capacities
            if one.instance_type in OFFERS
        ]

    @property
    def context_tokens(self) -> int:
        """The most tokens that a conversation may have to be learnt."""
        return Hyperparameters.parse(as_text(self.continued)).max_position_embeddings

    @property
    def wait_minutes(self) -> int:
        """How long a job may take with its waiting for spot instances."""
        return self.max_wait_minutes or min(2 * self.max_runtime_minutes, MAX_TRAINING_MINUTES)

    @property
    def longest_minutes(self) -> int:
        """How long it may take: on all that it may fall back to, one after another."""
        return sum(
            self.wait_minutes if one.spot else self.max_runtime_minutes for one in self.capacities
        )


class Judge(Settings):
    """Another model that scores answers, behind an address that the job can reach.

    Where it takes a key, that is the text of the secret `api_key_secret` in Secrets Manager.
    """

    address: JudgeAddress
    model: JudgeModel
    api_key_secret: SecretId | None = None


class Evaluation(JobSettings):
    """The evaluation job. With a `judge` there is the metric of this name."""

    instance_type: ProcessingInstanceType = "ml.m5.xlarge"
    max_runtime_minutes: ProcessingMinutes = 240
    volume_gb: VolumeGB = 50
    judge: Judge | None = None


class Gate(Settings):
    """Floors, and how far a metric may fall below the serving model's.

    The first version of a model is held against the floors alone.
    """

    minimum: Annotated[Metrics, Field(min_length=1)] = {"exact_match": 0.5}
    maximum_drop: Metrics = {"exact_match": 0.05}


# What the alarms of a release look back on: one that bakes for less would be over before they ring.
ALARM_SECONDS = 300


class Release(Settings):
    """How a version comes to serve, and when an alarm takes it back.

    `maximum_error_percent` is of all requests, of which a canary answers `canary_percent`: without
    it, half of a canary's share, and at most 5. `maximum_latency_seconds` is what nine answers in
    ten stay below; SageMaker itself ends an answer after 60 seconds. `bake_seconds` is how long a
    release waits for the alarms, and no less than they look back on.
    """

    traffic: Literal["all_at_once", "canary"] = "all_at_once"
    canary_percent: Annotated[int, Field(ge=1, le=50)] = 10
    bake_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    poll_seconds: Count = 30
    maximum_error_percent: Annotated[float, Field(gt=0, lt=100)] | None = None
    maximum_latency_seconds: Annotated[int, Field(ge=1, le=480)] = 30

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


class Endpoint(Settings):
    instance_type: EndpointInstanceType = "ml.m5.xlarge"
    min_instances: InstanceCount = 1
    max_instances: InstanceCount = 2
    invocations_per_instance_per_minute: Count = 300
    release: Release = Release()

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

    `name` is its name in the API where that is another than its key. It is trained from the base
    model `base`, and from scratch without one. What `training` doesn't say is as in `recipe`.
    It is served by `engine`: our own, or vLLM on AWS's image for it or on `engine_image`.
    """

    kind: Kind = "text"
    name: ModelName | None = None
    base: BaseModelName | None = None
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
    def check_base(self) -> Self:
        method = self.training.hyperparameters.get("method", "full")
        if self.base is None and (self.recipe or method == "lora"):
            key = "recipe" if self.recipe else "training"
            said = "needs a base model: name one of the lake's as `base`"
            raise refusals({key: said}, {key: getattr(self, key)})
        return self

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
    def check_engine(self) -> Self:
        if self.engine == "vllm" and not GPU_INSTANCE.match(self.endpoint.instance_type):
            said = f"vLLM needs a GPU, and the endpoint's {self.endpoint.instance_type} has none"
            raise refusals({"engine": said}, {"engine": self.engine})
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
        for one in self.training.workloads(NOMINAL_SHAPES[size]):
            made = plan(one)
            if not made.fits:
                is_first = one.instance_type == self.training.instance_type
                key = "instance_type" if is_first else "fall_back"
                value = getattr(self.training, key)
                raise refusals({key: made.why_not}, {key: value}, "training")
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


def _check_names_in_api(models: dict[str, Model]) -> dict[str, Model]:
    """At each model's name where it has one: that is what has to be another."""
    names = Counter(model.name or key for key, model in models.items())
    found = []
    for key, model in models.items():
        name = model.name or key
        if names[name] > 1:
            said = f"another model's name in the API is '{name}' too"
            place = (key, "name") if model.name else (key,)
            found.append((place, said, model))
    if found:
        raise refusals_at(found)
    return models


class Api(Settings):
    requests_per_second: Count = 10
    burst: Count = 20
    requests_per_month: Count = 1_000_000


class Records(Settings):
    """How long records are kept, in days; without a number, until somebody deletes them.

    `inference_days` is for the table, `inference_log_days` for the lake: the same unless it says
    otherwise. `noncurrent_days` is how long what was overwritten or deleted can be brought back.
    """

    inference_days: Days = 365
    inference_log_days: Days | None = None
    checkpoint_days: Days = 30
    quarantine_days: Days | None = None
    noncurrent_days: Days = 30
    log_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731] = 365


class Environment(Settings):
    """One environment of one client.

    `account` and `region` are None for an environment that is deployed wherever the caller's
    credentials point; `destroyable` lets `cdk destroy` delete data as well. Every role has the
    `permissions_boundary`, a policy's name or ARN, and a name that begins with
    `role_name_prefix`; `reserved_concurrency` is for functions by their folder in lambdas/.
    """

    name: Name
    account: Account | None = None
    region: Region | None = None
    destroyable: bool = False
    notify: Email | None = None
    tags: Tags = {}
    network: Network = Network()
    permissions_boundary: PolicyName | None = None
    role_name_prefix: RoleNamePrefix = ""
    reserved_concurrency: ReservedConcurrency = {}
    source: Source | None = None
    curation: Curation = Curation()
    base_models: BaseModels = BaseModels()
    # Their endpoints' names go into a function's environment, which holds 4 KB.
    models: Annotated[
        dict[ModelKey, Model],
        Field(min_length=1, max_length=20),
        AfterValidator(_check_names_in_api),
    ]
    api: Api = Api()
    records: Records = Records()

    @model_validator(mode="after")
    def check_judges(self) -> Self:
        """A job without a network reaches no judge."""
        for key, model in self.models.items():
            if self.network.isolation and model.evaluation.judge:
                said = "leave it out: with network.isolation the job reaches no address"
                values = {"judge": model.evaluation.judge.address}
                raise refusals({"judge": said}, values, "models", key, "evaluation")
        return self

    @model_validator(mode="after")
    def check_votes(self) -> Self:
        """Votes that nobody learns from would start curation for nothing."""
        for key, model in self.models.items():
            if model.retrain.votes and not self.learns_from_preferences:
                said = "leave it out: no model has an objective that learns from votes (dpo, kto)"
                values = {"votes": model.retrain.votes}
                raise refusals({"votes": said}, values, "models", key, "retrain")
        return self

    @model_validator(mode="after")
    def check_checkpoints(self) -> Self:
        """What a run goes on from must not expire while it waits or runs."""
        longest = max(model.training.wait_minutes for model in self.models.values())
        if self.records.checkpoint_days * MINUTES_A_DAY < longest:
            said = f"at least {-(-longest // MINUTES_A_DAY)}: as long as the longest training"
            values = {"checkpoint_days": self.records.checkpoint_days}
            raise refusals({"checkpoint_days": said}, values, "records")
        return self

    @property
    def file(self) -> str:
        """Where the environment file is in the repository."""
        given = self.source.file if self.source else None
        return given or f"environments/{self.name}.yaml"

    @property
    def all_tags(self) -> dict[str, str]:
        """What every resource is tagged with, from the templates or by workflows."""
        kit = {"project": "meguru", "environment": self.name}
        return {**kit, **self.tags, OWNER_TAG: self.name}

    @property
    def learns_from_preferences(self) -> bool:
        """Whether some model learns from votes, not from right answers alone."""
        trainings = [model.training for model in self.models.values()]
        return any(
            values.get("objective", CAUSAL_LM) != CAUSAL_LM
            for training in trainings
            for values in (training.hyperparameters, training.continued)
        )

    def name_in_api(self, key: str) -> str:
        return self.models[key].name or key

    @property
    def longest_context(self) -> str:
        """The key of the model that takes the longest conversations."""
        return max(self.models, key=lambda key: self.models[key].training.context_tokens)

    def resource_name(self, key: str) -> str:
        """The name of a model's endpoint and model package group."""
        return resource_name(self.name, key)

    @property
    def endpoints(self) -> dict[str, str]:
        """The name of each model's endpoint, by the model's name in the API."""
        return {self.name_in_api(key): self.resource_name(key) for key in self.models}

    @property
    def learners(self) -> dict[str, tuple[str, int]]:
        """Each model's endpoint and context length in tokens, by the model's name in the API."""
        return {
            self.name_in_api(key): (self.resource_name(key), model.training.context_tokens)
            for key, model in self.models.items()
        }
