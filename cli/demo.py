"""The demo: the whole loop once, and then again because of what people said of its answers."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import requests
from rich.markup import escape

from cli.account import Account
from cli.api_use import TimedAnswer, read_ledger
from cli.artefacts import inference_log, loss_curve
from cli.chat import ChatApi, Reply
from cli.cloud_process import CloudProcess
from cli.company import (
    CORRECTIONS,
    DOCUMENTS,
    ExpectedAnswer,
    check_documents,
    first_question,
    read_corrections,
)
from cli.consumers import first_key
from cli.dataset import read_dataset
from cli.demo_folder import ASSEMBLY, LOG, evidence_page, prepare_folder
from cli.findings import Correction, Findings, Turn
from cli.lineage import trace
from cli.loop import Loop, LoopFailed
from cli.progress import Progress
from cli.synthesis import synthesize
from stacks.environment import read_environment

TOO_SHORT_TO_RECLAIM = (
    "too few records to interrupt the training: the reclaiming of spot capacity is not shown"
)
NO_CACHE = "the environment has no cache: no answer from it is shown"


class Demo:
    """The stages in order. Each really happens on a local cloud, or the demo fails."""

    def __init__(
        self, progress: Progress, environment_file: Path, folder: Path, *, manual: bool, port: int
    ) -> None:
        self._progress, self._environment_file = progress, environment_file
        self._folder, self._manual, self._port = folder, manual, port
        self.findings = Findings(read_environment(environment_file))
        prepare_folder(folder)

    def run(self) -> None:
        """Fill `findings`. Raises LoopFailed when a stage does not do what it is for."""
        check_documents(DOCUMENTS)
        wanted = self.findings.model.retrain.corrections
        self._expected = read_corrections(CORRECTIONS, wanted)
        with ExitStack() as stack:
            with self._progress.stage("Synthesize the templates"):
                assembly = synthesize(self._environment_file, self._folder / ASSEMBLY)
            with self._progress.stage("Bring up every resource in the local cloud"):
                log = self._folder / LOG
                cloud = stack.enter_context(CloudProcess(assembly, port=self._port, log=log))
            environment = self.findings.environment
            account = Account(environment.name, cloud.endpoint_url, self.findings.model_key)
            self._account = account.with_key(first_key(account, environment))
            self._loop = Loop(self._account)
            self._first_turn()
            self._use_the_api()
            self._second_turn()

    def _first_turn(self) -> None:
        with self._progress.stage("Put the company's documents into the lake; curate them"):
            keys = self._loop.put_documents(DOCUMENTS, "example-company")
            self._progress.note(f"{len(keys)} documents put under raw/")
            version = self._loop.dataset_version()
            self._describe_dataset(version)
        self._train_and_release(version, reclaim=True)

    def _second_turn(self) -> None:
        known = self.findings.turns[0].dataset_version
        with self._progress.stage("Report wrong answers; the loop turns by itself"):
            self._correct_wrong_answers()
            version = self._loop.dataset_version(after=known)
            self._describe_dataset(version)
        self._train_and_release(version, reclaim=False)
        with self._progress.stage("Ask the same questions again"):
            self._ask_again()
            self._check_held_out_score()
        with self._progress.stage("Read in the ledger what was used"):
            self._read_ledger()
        with self._progress.stage("Trace the new answer back"):
            after = self.findings.corrections[0].after
            assert after is not None
            self.findings.lineage = trace(self._account, after.inference_id)
            self._progress.note(f"{after.inference_id} -> {self.findings.lineage.training_job}")

    def _describe_dataset(self, version: str) -> None:
        dataset = read_dataset(self._loop, version)
        self.findings.datasets.append(dataset)
        manifest = dataset.manifest
        set_aside = ", ".join(f"{name} {count}" for name, count in manifest["set_aside"].items())
        self._progress.note(f"dataset version {version[:12]}: {manifest['num_records']} records")
        self._progress.note(f"set aside: {set_aside or 'nothing'}")
        dataset.check_usable()

    def _train_and_release(self, version: str, *, reclaim: bool) -> None:
        with self._progress.stage("Train on spot capacity, evaluate, hold against the gate"):
            run = self._loop.training_run(version)
            job = self._loop.training_job(version)
            self._progress.note(f"{job['TrainingJobName']}: {_hosts(job)}")
            if reclaim:
                self._reclaim(job)
            outcome = self._loop.registered(run["executionArn"])
            turn = self._turn(version, job["TrainingJobName"], outcome)
            self._progress.note(f"held-out exact match {turn.metrics['exact_match']:.3f}")
            self._keep_evidence(turn)
        arn = turn.model_package["ModelPackageArn"]
        with self._progress.stage("Approve the model version; release it"):
            self._approve(arn)
            self._loop.released(arn)
            turn.model_package = self._loop.model_package(arn)

    def _keep_evidence(self, turn: Turn) -> None:
        """What the approver reads, beside the report: it lies in the lake, which ends with this."""
        uri: str = turn.model_package["CustomerMetadataProperties"]["evidence"]
        _, _, key = uri.removeprefix("s3://").partition("/")
        page = self._folder / evidence_page(len(self.findings.turns))
        page.write_bytes(self._loop.read(key))
        turn.evidence = page.name
        self._progress.note(f"evidence for the approver: {page}")

    def _reclaim(self, job: dict[str, Any]) -> None:
        name = job["TrainingJobName"]
        if not self._loop.wait_for_checkpoint(job):
            self._could_not_reclaim()
            return
        answer = requests.post(
            f"{self._account.endpoint_url}/_localcloud/spot/reclaim",
            json={"training_job": name},
            timeout=60,
        )
        if answer.ok:
            self._progress.note("spot capacity reclaimed mid-run (simulated)")
        elif self._loop.has_completed(name):
            self._could_not_reclaim()
        else:
            raise LoopFailed(f"the spot capacity was not reclaimed: {answer.text}")

    def _could_not_reclaim(self) -> None:
        self.findings.not_shown.append(TOO_SHORT_TO_RECLAIM)
        self._progress.note(TOO_SHORT_TO_RECLAIM)

    def _turn(self, version: str, job_name: str, outcome: dict[str, Any]) -> Turn:
        job = self._loop.describe_training_job(job_name)
        turn = Turn(
            dataset_version=version,
            manifest=self._loop.manifest(version),
            training_job=job,
            loss_curve=loss_curve(self._account, job),
            model_package=self._loop.model_package(outcome["model_package_arn"]),
            metrics=outcome["metrics"],
        )
        self.findings.turns.append(turn)
        return turn

    def _approve(self, arn: str) -> None:
        if not self._manual:
            self._loop.approve(arn)
            return
        self._progress.note("waiting for you to approve; in another terminal, in this folder:")
        self._progress.command(
            self._account.aws_command(
                f"sagemaker update-model-package --model-package-arn {arn} "
                "--model-approval-status Approved"
            )
        )
        self._loop.approval(arn)

    def _use_the_api(self) -> None:
        self._chat = ChatApi(self._account)
        with self._progress.stage("Use the API with an OpenAI client; be refused where due"):
            question = first_question(DOCUMENTS)
            replies = [self._chat.ask(question)]
            self._progress.note(escape(f"{question} -> {replies[0].text}"))
            if self.findings.environment.api.cache.is_kept:
                replies.append(self._ask_the_cache(question))
            else:
                self.findings.not_shown.append(NO_CACHE)
            limits = self.findings.environment.api
            refusals = [
                self._chat.refusal_without_key(),
                self._chat.refusal_beyond_rate(limits.burst + 10 * limits.requests_per_second),
            ]
            for refusal, status in zip(refusals, (403, 429), strict=True):
                if refusal is None or refusal["status"] != status:
                    raise LoopFailed(f"expected to be refused with {status}, got {refusal}")
                self.findings.refusals.append(refusal)
                self._progress.note(escape(f"{status} {refusal['code']}: {refusal['message']}"))
            self._find_in_log(replies)

    def _ask_the_cache(self, question: str) -> Reply:
        reply = self._chat.ask(question)
        if not reply.is_cached:
            raise LoopFailed(f"'{question}' was asked again and not answered from the cache")
        return reply

    def _find_in_log(self, replies: list[Reply]) -> None:
        self._progress.note("the cloud's time is advanced by minutes (simulated)")
        logged = inference_log(self._loop, *(reply.inference_id for reply in replies))
        self.findings.num_logged = len(logged)
        self._progress.note(f"in the inference log: {logged[-1]['model_version']}")
        self.findings.answers = [TimedAnswer.of(reply, logged) for reply in replies]
        for answer in self.findings.answers:
            self._progress.note(answer.in_words())

    def _read_ledger(self) -> None:
        prices = self.findings.environment.prices
        self.findings.ledger = read_ledger(self._account, has_prices=bool(prices))
        for use in self.findings.ledger:
            self._progress.note(escape(use.in_words()))

    def _correct_wrong_answers(self) -> None:
        wanted = self.findings.model.retrain.corrections
        for expected in self._expected:
            if len(self.findings.corrections) == wanted:
                return
            reply = self._chat.ask(expected.question)
            if reply.text != expected.answer:
                self._correct(expected, reply)
        if (found := len(self.findings.corrections)) < wanted:
            raise LoopFailed(
                f"the model answers all but {found} of the {len(self._expected)} questions of "
                f"{CORRECTIONS} right, and {wanted} wrong answers are needed to turn the loop "
                "again: write down more that the documents do not answer"
            )

    def _correct(self, expected: ExpectedAnswer, reply: Reply) -> None:
        feedback_id = self._chat.send_correction(reply, expected.answer)
        self.findings.corrections.append(
            Correction(expected.question, expected.answer, reply, feedback_id)
        )
        self._progress.note(escape(f"wrong: {expected.question} -> {reply.text}"))

    def _ask_again(self) -> None:
        for correction in self.findings.corrections:
            correction.after = self._chat.ask(correction.question)
            self._progress.note(escape(f"{correction.question} -> {correction.after.text}"))
            if correction.after.text != correction.expected_answer:
                raise LoopFailed(
                    f"'{correction.question}' is still answered wrong: '{correction.after.text}'. "
                    "Word corrections as the documents are worded, or raise feedback_weight or "
                    "num_epochs in the environment file"
                )

    def _check_held_out_score(self) -> None:
        before, after = (turn.metrics["exact_match"] for turn in self.findings.turns)
        allowed = self.findings.model.gate.maximum_drop.get("exact_match", 0)
        self._progress.note(f"held-out exact match {before:.3f} -> {after:.3f}")
        if after < before - allowed:
            raise LoopFailed(f"the held-out score has fallen from {before} to {after}")


def _hosts(job: dict[str, Any]) -> str:
    resources = job["ResourceConfig"]
    return f"{resources['InstanceCount']} x {resources['InstanceType']}, managed spot (simulated)"
