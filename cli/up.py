"""`meguru up`: the local cloud, kept running, with a model that answers."""

from __future__ import annotations

import fcntl
import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape

from cli.account import LOCAL_CREDENTIALS, LOCAL_REGION, Account
from cli.base_models import BaseModels, read_source
from cli.cloud_process import CloudFailed, CloudProcess
from cli.company import DOCUMENTS, check_documents
from cli.consumers import first_key
from cli.dataset import read_dataset
from cli.loop import Loop, LoopFailed
from cli.packaged_models import PackagedModel
from cli.progress import Progress
from cli.synthesis import synthesize
from meguru.names import raw_key
from stacks.environment import Environment, read_environment

FOLDER = Path(".meguru")
UP_FILE = FOLDER / "up.json"
QUESTION = "経費精算の締め切りはいつですか?"
# What a model that knows no Japanese can be taught of the example company.
ENGLISH = "examples/documents/global"


class Up:
    """Brings the cloud up, says how to reach it, and turns the loop once unless `empty`.

    With a `packaged` model this one is served as it is, and documents start the loop.
    """

    def __init__(
        self,
        progress: Progress,
        environment_file: Path,
        *,
        empty: bool,
        port: int,
        packaged: PackagedModel | None = None,
    ) -> None:
        self._progress, self._environment_file = progress, environment_file
        self._empty, self._port, self._packaged = empty, port, packaged

    def run(self) -> None:
        """Until the command is ended; up.json is there as long as the cloud is."""
        environment = read_environment(self._environment_file)
        if self._packaged:
            self._packaged.find()
            self._packaged.key_in(environment)
        elif not self._empty:
            check_documents(DOCUMENTS)
        with only_one(FOLDER / "up" / "lock"):
            self._run(environment)

    def _run(self, environment: Environment) -> None:
        with self._progress.stage("Synthesize the templates"):
            assembly = synthesize(self._environment_file, FOLDER / "up" / "cdk.out")
        cloud = CloudProcess(assembly, port=self._port, log=FOLDER / "up" / "localcloud.log")
        with cloud:
            account = Account(environment.name, cloud.endpoint_url, next(iter(environment.trained)))
            account = account.with_key(first_key(account, environment))
            try:
                self._write(account)
                self._say(account)
                if not self._empty:
                    self._progress.console.print("A model answers once `ready` is printed.\n")
                    account = account.of_model(self._serve(environment, account))
                    self._write(account)
                self._say_ready(account)
                status = cloud.wait()
            finally:
                UP_FILE.unlink(missing_ok=True)
        raise CloudFailed(f"the local cloud ended by itself with status {status}")

    def _serve(self, environment: Environment, account: Account) -> str:
        """Have a model answer; its key."""
        if self._packaged is None:
            return self._turn({key: Loop(account.of_model(key)) for key in environment.trained})
        key = self._packaged.key_in(environment)
        self._serve_as_it_is(self._packaged, account.of_model(key))
        return key

    def _serve_as_it_is(self, packaged: PackagedModel, account: Account) -> None:
        models, loop = BaseModels(account), Loop(account)
        with self._progress.stage(f"Add {packaged.title} to the lake, by its job"):
            place = read_source(str(packaged.source(FOLDER / "up" / "source")))
            models.add(place, packaged.name, packaged.licence, self._progress.note)
        with self._progress.stage("Register it as it is, approve and release it"):
            version = models.register(models.head(packaged.name))
            loop.approve(version)
            loop.released(version)

    def _write(self, account: Account) -> None:
        addresses = {
            "endpoint_url": account.endpoint_url,
            "api_base": account.outputs["ApiBase"],
            "api_key": account.api_key,
            "admin_credentials": {**LOCAL_CREDENTIALS, "region": LOCAL_REGION},
            "model": account.outputs["ModelName"],
            "commands": self._commands(account),
        }
        temporary = UP_FILE.with_suffix(".tmp")
        temporary.write_text(json.dumps(addresses, indent=2, ensure_ascii=False) + "\n")
        temporary.rename(UP_FILE)

    def _say(self, account: Account) -> None:
        show = self._progress.console.print
        show(f"\nAWS_ENDPOINT_URL={account.endpoint_url}")
        show(f"API             {account.outputs['ApiBase']}")
        show(f"API key         {account.api_key}")
        show(f"all of it in    {UP_FILE}\n")

    def _say_ready(self, account: Account) -> None:
        if self._empty:
            said = "No model answers: documents that are put into the lake start the loop."
            self._progress.console.print(said)
        self._progress.console.print("\nTry, in another terminal:\n")
        for command in self._commands(account):
            self._progress.command(command)
        self._progress.console.print("[bold green]ready[/] - Ctrl-C ends it")

    def _commands(self, account: Account) -> list[str]:
        if self._empty:
            return commands_without_a_model(account)
        if self._packaged and account.outputs["ModelKind"] == "embedding":
            return embedding_commands(account, self._packaged.question)
        if self._packaged:
            return [*commands(account, self._packaged.question), _put(account, ENGLISH)]
        return commands(account)

    def _turn(self, loops: dict[str, Loop]) -> str:
        """Turn every model's loop once; the key of the first that serves.

        LoopFailed where none of them serves in the end.
        """
        loop = next(iter(loops.values()))
        with self._progress.stage("Curate the example company's documents"):
            loop.put_documents(DOCUMENTS, "example-company")
            version = loop.dataset_version()
            read_dataset(loop, version).check_usable()
        serving: list[str] = []
        failed: list[LoopFailed] = []
        for key, loop in loops.items():
            try:
                self._train_and_release(key, loop, version)
                serving.append(key)
            except LoopFailed as error:
                self._progress.note(escape(f"{key} does not serve: {error}"))
                failed.append(error)
        if not serving:
            raise failed[0]
        return serving[0]

    def _train_and_release(self, key: str, loop: Loop, version: str) -> None:
        with self._progress.stage(f"Train and evaluate {key}"):
            run = loop.training_run(version)
            outcome = loop.registered(run["executionArn"])
        with self._progress.stage("Approve and release it"):
            loop.approve(outcome["model_package_arn"])
            loop.released(outcome["model_package_arn"])


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Keep a second `meguru up` from writing over the templates a running one works with."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CloudFailed(
                f"`meguru up` is running in this folder already: use its cloud ({UP_FILE} says "
                "where it is), or end it with Ctrl-C in its terminal and start again"
            ) from error
        yield


def commands_without_a_model(account: Account) -> list[str]:
    """Three commands for an empty cloud: what serves, what is registered, and how to begin."""
    return [
        f"curl {account.outputs['ApiBase']}/models "
        f"-H {shlex.quote(f'Authorization: Bearer {account.api_key}')}",
        _list_versions(account),
        _put(account, "examples/documents"),
    ]


def commands(account: Account, question: str = QUESTION) -> list[str]:
    """Three commands to paste: curl, the AWS CLI, and an OpenAI client."""
    base, key, model = account.outputs["ApiBase"], account.api_key, account.outputs["ModelName"]
    body = json.dumps(
        {"model": model, "messages": [{"role": "user", "content": question}]}, ensure_ascii=False
    )
    ask = (
        f'import openai; print(openai.OpenAI(base_url="{base}", api_key="{key}")'
        f'.chat.completions.create(model="{model}", messages=[{{"role": "user", '
        f'"content": "{question}"}}]).choices[0].message.content)'
    )
    return [
        f"curl {base}/chat/completions -H {shlex.quote(f'Authorization: Bearer {key}')} "
        f"-H 'Content-Type: application/json' -d {shlex.quote(body)}",
        _list_versions(account),
        f".venv/bin/python -c {shlex.quote(ask)}",
    ]


def embedding_commands(account: Account, text: str) -> list[str]:
    """The same three for a model that makes vectors."""
    base, key, model = account.outputs["ApiBase"], account.api_key, account.outputs["ModelName"]
    body = json.dumps({"model": model, "input": text}, ensure_ascii=False)
    embed = (
        f'import openai; print(openai.OpenAI(base_url="{base}", api_key="{key}")'
        f'.embeddings.create(model="{model}", input="{text}").data[0].embedding)'
    )
    return [
        f"curl {base}/embeddings -H {shlex.quote(f'Authorization: Bearer {key}')} "
        f"-H 'Content-Type: application/json' -d {shlex.quote(body)}",
        _list_versions(account),
        f".venv/bin/python -c {shlex.quote(embed)}",
    ]


def _list_versions(account: Account) -> str:
    return account.aws_command(
        "sagemaker list-model-packages --model-package-group-name "
        f"{account.outputs['ModelPackageGroup']}"
    )


def _put(account: Account, folder: str) -> str:
    """Documents into the lake: curated, they start the loop."""
    today = datetime.now(UTC).date()
    return account.aws_command(
        f"s3 cp --recursive {folder} "
        f"s3://{account.outputs['LakeBucket']}/{raw_key('example-company', today, '')}"
    )
