"""What a run of the loop and 1,000 requests cost."""

from __future__ import annotations

from collections.abc import Iterator

from cli.cost import prices
from cli.cost.idle import Resources, function_call, instance_cost
from cli.cost.item import Item
from meguru.base_model import Shape
from meguru.hyperparameters import Hyperparameters, as_text
from meguru.instance_offers import OFFERS, SPOT_SHARE
from meguru.model_plan import NOMINAL_SHAPES, plan, workload
from stacks.environment import Endpoint, Environment, Model
from stacks.environment.recipes import read_recipe

NUM_REQUESTS = 1000
# A job without much data, most of it until its instance is there.
JOB_HOURS = 0.25
# What an answer takes of tables: it is reserved, settled and recorded, each in a few units.
TABLE_WRITES, TABLE_READS = 12, 4
LOG_GB_A_REQUEST = 4 / 1e6
AUTHORIZER_SECONDS = 0.05


def run_costs(environment: Environment, num_tokens: int) -> Iterator[Item]:
    """The jobs of one turn of the loop: the data job, and each model's training and evaluation."""
    yield _job("curation", environment.curation.instance_type, JOB_HOURS)
    for key, model in environment.models.items():
        yield _training(key, model, num_tokens)
        yield _job(f"evaluation {key}", model.evaluation.instance_type, JOB_HOURS)


def request_costs(
    environment: Environment, templates: list[Resources], seconds: float
) -> Iterator[Item]:
    """Of 1,000 answers of so many seconds: the way to the model, and each endpoint's time.

    The endpoints' is that of instances which have as much to do as scaling lets them. It is part of
    the idle cost as long as the fewest instances are enough.
    """
    yield Item("API Gateway", NUM_REQUESTS * prices.API_REQUEST, "a REST API's requests")
    answering = _function_call(templates, "answer_request", seconds)
    authorizing = _function_call(templates, "authorize_request", AUTHORIZER_SECONDS)
    said = f"{seconds:g} seconds each" if answering else "not found in the templates"
    yield Item("functions", NUM_REQUESTS * (answering + authorizing) if answering else None, said)
    tables = TABLE_WRITES * prices.TABLE_WRITE + TABLE_READS * prices.TABLE_READ
    yield Item("tables", NUM_REQUESTS * tables, f"{TABLE_WRITES} writes, {TABLE_READS} reads each")
    logs = LOG_GB_A_REQUEST * prices.LOG_GB + prices.FIREHOSE_RECORD_GB * prices.FIREHOSE_GB
    yield Item("logs", NUM_REQUESTS * logs, "CloudWatch Logs and Firehose")
    for key, model in environment.models.items():
        yield _serving(key, model, seconds)


def _job(what: str, instance_type: str, hours: float) -> Item:
    return Item(what, instance_cost(instance_type, hours), f"{instance_type}, {hours:g} hours")


def _training(key: str, model: Model, num_tokens: int) -> Item:
    """By what is trained where that is known, else the most that its time limit lets it cost."""
    training, shape = model.training, _shape(model)
    what = f"training {key}"
    on = f"{training.instance_count} x {training.instance_type}"
    offer = OFFERS.get(training.instance_type)
    if offer is None:
        return Item(what, None, on)
    spot = ", spot" if training.spot else ""
    limit = training.max_runtime_minutes / 60
    if shape is None:
        hourly = training.instance_count * offer.dollars_an_hour
        share = SPOT_SHARE if training.spot else 1.0
        return Item(what, limit * hourly * share, f"{on}{spot}, at most {limit:g} hours")
    made = plan(
        workload(
            shape,
            training.instance_type,
            training.hyperparameters,
            instance_count=training.instance_count,
            spot=training.spot,
            num_tokens=num_tokens,
        )
    )
    return Item(what, made.dollars, f"{on}{spot}, {made.hours:.2f} hours, {num_tokens:,} tokens")


def _shape(model: Model) -> Shape | None:
    """The sizes of what is trained; None for a base model, which the lake alone knows."""
    if model.recipe:
        return NOMINAL_SHAPES[read_recipe(model.recipe).size]
    if model.base:
        return None
    sizes = vars(Hyperparameters.parse(as_text(model.training.hyperparameters)))
    return Shape.from_config({**sizes, "tie_word_embeddings": False})


def _answers_a_minute(endpoint: Endpoint, seconds: float) -> float:
    """What an instance answers before scaling wants another one; one after another at least."""
    limits = [
        endpoint.invocations_per_instance_per_minute,
        endpoint.requests_in_flight_per_instance * 60 / seconds,
    ]
    return min((one for one in limits if one), default=60 / seconds)


def _serving(key: str, model: Model, seconds: float) -> Item:
    endpoint = model.endpoint
    a_minute = _answers_a_minute(endpoint, seconds)
    hours = NUM_REQUESTS / a_minute / 60
    said = f"{endpoint.instance_type}, {a_minute:g} a minute"
    return Item(f"endpoint {key}", instance_cost(endpoint.instance_type, hours), said)


def _function_call(templates: list[Resources], folder: str, seconds: float) -> float:
    """Of the function that comes from a folder of lambdas/; 0 where no template has it."""
    name = "".join(word.capitalize() for word in folder.split("_"))
    for template in templates:
        for logical_id, resource in template.items():
            if resource["Type"] == "AWS::Lambda::Function" and name in logical_id:
                return function_call(resource["Properties"], seconds)
    return 0.0
