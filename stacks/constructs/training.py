"""Training: a dataset version becomes a registered model version, if it passes the gate."""

from __future__ import annotations

import json
from typing import Any

from aws_cdk import Duration
from constructs import Construct

from meguru.events import event_source
from meguru.hyperparameters import as_text
from meguru.instance_offers import OFFERS, SPOT_SHARE
from meguru.names import (
    BASE_MODELS_PREFIX,
    CHECKPOINTS_PREFIX,
    DATASETS_PREFIX,
    FEEDBACK_PREFIX,
    LABELS_PREFIX,
    RUNS_PREFIX,
    TEXT_DATASET,
    tried_rows,
)
from stacks.constructs.grants import default_bus_arn, grant, grant_table, secret_arn
from stacks.constructs.job import Job, source_commit
from stacks.constructs.job_grants import grant_processing_jobs, grant_training_jobs
from stacks.constructs.lake import Lake
from stacks.constructs.model_registry import ModelRegistry
from stacks.constructs.python_function import PythonFunction
from stacks.constructs.reclaim_limit import ReclaimLimit
from stacks.constructs.records import Records
from stacks.constructs.training_looks import TrainingLooks
from stacks.constructs.workflow import Workflow
from stacks.environment import Environment, Model
from stacks.environment.aws_offers import has_local_storage
from stacks.environment.capacity import Capacity

# What SageMaker takes as the value of a processing job's environment variable.
MAX_VARIABLE = 256
# Most of a day for each of the instances that a training may run on; two for the evaluation's quota
# and capacity.
DAYS_OF_EVALUATION = 2


class Training(Construct):
    """The training and evaluation jobs, the gate, and the workflow that joins them."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        model: Model,
        lake: Lake,
        registry: ModelRegistry,
        records: Records,
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment, self._model, self._lake = environment, model, lake
        self._registry, self._records = registry, records
        self.job = Job(self, "Job", environment=environment, key=lake.key, folder="training")
        lake.grant_read(self.job.role, DATASETS_PREFIX, RUNS_PREFIX, CHECKPOINTS_PREFIX)
        lake.grant_write(self.job.role, RUNS_PREFIX, CHECKPOINTS_PREFIX)
        self.evaluation = Job(
            self, "Evaluation", environment=environment, key=lake.key, folder="evaluation"
        )
        lake.grant_read(
            self.evaluation.role, DATASETS_PREFIX, RUNS_PREFIX, FEEDBACK_PREFIX, LABELS_PREFIX
        )
        lake.grant_write(self.evaluation.role, RUNS_PREFIX)
        if model.base:
            lake.grant_read(self.job.role, f"{BASE_MODELS_PREFIX}{model.base_name}/")
        # An adapter is judged, as it serves, with the model it is of: for the one that serves now
        # that may be another than the environment file names by now.
        lake.grant_read(self.evaluation.role, BASE_MODELS_PREFIX)
        judge = model.evaluation.judge
        if judge and judge.api_key_secret:
            secret = secret_arn(self, judge.api_key_secret)
            grant(self.evaluation.role, "secretsmanager:GetSecretValue", secret)
        self._choose_base_model = self._create_choose_base_model()
        self.check_gate = self._create_check_gate()
        self.workflow = self._create_workflow()
        ReclaimLimit(
            self,
            "ReclaimLimit",
            environment=environment,
            jobs=registry.made_by_runs,
            role=self.job.role,
        )
        looks = TrainingLooks(
            self,
            "Looks",
            environment=environment,
            model=registry.group_name,
            training_code=model.training_code,
            max_runs_per_day=model.retrain.max_runs_per_day,
            lake=lake,
            loop=records.loop,
            workflow=self.workflow,
        )
        self.start_function = looks.function

    def _create_choose_base_model(self) -> PythonFunction:
        """Called where the model has a base model."""
        base, training = self._model.base_name, self._model.training
        wanted = {
            "instances": [(one.instance_type, one.instance_count) for one in training.capacities],
            "hyperparameters": training.hyperparameters,
        }
        function = PythonFunction(
            self,
            "ChooseBaseModel",
            environment=self._environment,
            folder="choose_base_model",
            variables={
                "LAKE_BUCKET": self._lake.bucket.bucket_name,
                "BASE_MODEL": base,
                "BASE_REVISION": self._model.base_revision,
                "TRAINING": json.dumps(wanted if base else {}),
            },
            timeout=Duration.seconds(30),
        )
        self._lake.grant_read(
            function, f"{BASE_MODELS_PREFIX}{base}/" if base else BASE_MODELS_PREFIX
        )
        return function

    def _create_check_gate(self) -> PythonFunction:
        gate = self._model.gate
        function = PythonFunction(
            self,
            "CheckGate",
            environment=self._environment,
            folder="check_gate",
            variables={
                "LAKE_BUCKET": self._lake.bucket.bucket_name,
                "RELEASE_TABLE": self._records.releases.table_name,
                "ENDPOINT_NAME": self._registry.endpoint_name,
                "MINIMUM_METRICS": json.dumps(gate.minimum),
                "MAXIMUM_METRIC_DROPS": json.dumps(gate.maximum_drop),
            },
            timeout=Duration.seconds(30),
        )
        self._lake.grant_read(function, RUNS_PREFIX)
        grant_table(function, self._records.releases, "GetItem")
        grant(function, "sagemaker:DescribeModelPackage", self._registry.versions_arn)
        return function

    def _create_workflow(self) -> Workflow:
        workflow = Workflow(
            self,
            "TrainAndRegister",
            environment=self._environment,
            name="train_and_register",
            key=self._lake.key,
            timeout=self._time_limit,
            owner=self._registry.group_name,
            substitutions=self._substitutions(),
        )
        grant_training_jobs(workflow, self._registry.made_by_runs, self.job.role)
        grant_processing_jobs(workflow, self._registry.made_by_runs, self.evaluation.role)
        # A base model that serves as it is, too: a run is compared with what serves.
        self._lake.grant_list(
            workflow,
            DATASETS_PREFIX,
            RUNS_PREFIX,
            FEEDBACK_PREFIX,
            LABELS_PREFIX,
            BASE_MODELS_PREFIX,
        )
        grant_table(workflow, self._records.releases, "GetItem")
        grant_table(workflow, self._records.loop, "PutItem")
        grant(workflow, "sagemaker:DescribeModelPackage", self._registry.versions_arn)
        for function in (self._choose_base_model, self.check_gate):
            grant(workflow, "lambda:InvokeFunction", function.function_arn)
        grant(workflow, "events:PutEvents", default_bus_arn(self))
        grant(
            workflow,
            "sagemaker:CreateModelPackage",
            self._registry.group_arn,
            self._registry.versions_arn,
        )
        # The registry reads what it registers, as whoever registers it.
        self._lake.grant_read(workflow, RUNS_PREFIX)
        self._registry.image.repository.grant(
            workflow, "ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer"
        )
        return workflow

    @property
    def source_commit(self) -> str:
        """The commit that runs are of: where one may start a training, the one that did."""
        paths = self._model.retrain.on_commit
        starting = [*paths, self._environment.file] if paths else []
        return source_commit("training", "evaluation", *starting)

    @property
    def _time_limit(self) -> Duration:
        training, evaluation = self._model.training, self._model.evaluation
        jobs = training.longest_minutes + evaluation.max_runtime_minutes
        waits = Duration.days(DAYS_OF_EVALUATION + len(training.capacities))
        return waits.plus(Duration.minutes(jobs))

    def _substitutions(self) -> dict[str, str]:
        training = self._model.training
        return {
            "LakeBucket": self._lake.bucket.bucket_name,
            "Dataset": TEXT_DATASET,
            "NamePrefix": self._registry.group_name,
            "SourceCommit": self.source_commit,
            "Capacities": jsonata_text([capacity_facts(one) for one in training.capacities]),
            "MaxInterruptions": str(training.max_interruptions),
            "TrainingRoleArn": self.job.role.role_arn,
            "TrainingImageUri": self.job.image.image_uri,
            "VolumeSizeInGB": str(training.volume_gb),
            "MaxRuntimeSeconds": str(training.max_runtime_minutes * 60),
            "MaxWaitSeconds": str(training.wait_minutes * 60),
            "HyperParameters": jsonata_text(as_text(training.hyperparameters)),
            "ContinueServingModel": json.dumps(training.continued_hyperparameters is not None),
            "ContinuedHyperParameters": jsonata_text(as_text(training.continued)),
            "ReleaseTable": self._records.releases.table_name,
            "LoopTable": self._records.loop.table_name,
            "TriedRows": tried_rows(self._registry.group_name, "", self._model.training_code),
            "EndpointName": self._registry.endpoint_name,
            "HasBaseModel": json.dumps(self._model.base is not None),
            "ChooseBaseModelArn": self._choose_base_model.function_arn,
            **self.evaluation_values,
        }

    @property
    def evaluation_values(self) -> dict[str, str]:
        """What a definition needs to evaluate, to ask the gate, to register, and to tell of it."""
        evaluation, judge = self._model.evaluation, self._model.evaluation.judge
        return {
            "EvaluationRoleArn": self.evaluation.role.role_arn,
            "EvaluationImageUri": self.evaluation.image.image_uri,
            "EvaluationVolumeSizeInGB": str(evaluation.volume_gb),
            "EvaluationMaxRuntimeSeconds": str(evaluation.max_runtime_minutes * 60),
            "EvaluationInstanceType": evaluation.instance_type,
            # In quotes: CloudFormation leaves a substitution by nothing out.
            "JudgeAddress": f"'{judge.address if judge else ''}'",
            "JudgeModel": f"'{judge.model if judge else ''}'",
            "JudgeApiKeySecret": f"'{judge.api_key_secret or '' if judge else ''}'",
            "MinimumMetrics": variable_text(self._model.gate.minimum),
            "MaximumMetricDrops": variable_text(self._model.gate.maximum_drop),
            "CheckGateArn": self.check_gate.function_arn,
            "ModelPackageGroupName": self._registry.group_name,
            "InferenceImageUri": self._registry.image.image_uri,
            "EndpointInstanceType": self._model.endpoint.instance_type,
            "EventBusName": "default",
            "EventSource": event_source(self._environment.name),
        }


def capacity_facts(capacity: Capacity) -> dict[str, Any]:
    """Instances as the workflow needs them; numbers for the evidence as text, empty if unknown."""
    offer = OFFERS.get(capacity.instance_type)
    return {
        "instance_type": capacity.instance_type,
        "instance_count": capacity.instance_count,
        "spot": capacity.spot,
        "takes_key": not has_local_storage(capacity.instance_type),
        "price": str(offer.dollars_an_hour) if offer else "",
        "saving": f"{1 - SPOT_SHARE:.2f}" if capacity.spot else "",
    }


def jsonata_text(value: object) -> str:
    """JSON to stand between single quotes in a JSONata expression within a JSON string."""
    literal = json.dumps(value).replace("\\", "\\\\").replace("'", "\\u0027")
    return json.dumps(literal)[1:-1]


def variable_text(value: dict[str, float]) -> str:
    """JSON to stand in a JSON string as a job's variable; `{}` where it is too long for one.

    The gate goes by its function's own variables: this is for the evidence to show.
    """
    text = json.dumps(value)
    return json.dumps(text)[1:-1] if len(text) <= MAX_VARIABLE else "{}"
