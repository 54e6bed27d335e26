"""Our rules and Bedrock's guardrail behind one interface, each call of Bedrock's own form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lambdas.answer_request.bedrock_guardrail import BedrockGuardrail, GuardUnavailable
from lambdas.answer_request.guards import Guards, read_guard
from meguru.guard_rules import GuardRules
from meguru.verdict import Verdict

TEXT = "私の番号は090-1234-5678です"


@pytest.fixture
def runtime() -> Any:
    credentials = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    return boto3.client("bedrock-runtime", region_name="us-east-1", **credentials)


@pytest.fixture
def bedrock(runtime: Any) -> Iterator[Stubber]:
    """Holds requests and answers against Bedrock's own service model."""
    with Stubber(runtime) as stubber:
        yield stubber


def answer(action: str, text: str = "", **assessment: Any) -> dict[str, Any]:
    usage = dict.fromkeys(
        (
            "topicPolicyUnits",
            "contentPolicyUnits",
            "wordPolicyUnits",
            "sensitiveInformationPolicyUnits",
            "sensitiveInformationPolicyFreeUnits",
            "contextualGroundingPolicyUnits",
        ),
        0,
    )
    outputs = [{"text": text}] if text else []
    return {
        "usage": usage,
        "action": action,
        "outputs": outputs,
        "assessments": [assessment] if assessment else [],
    }


PHONE = {"match": "090-1234-5678", "type": "PHONE", "action": "ANONYMIZED"}
TOPIC = {"name": "投資助言", "type": "DENY", "action": "BLOCKED"}
INTERVENED = "GUARDRAIL_INTERVENED"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (answer("NONE"), Verdict()),
        (
            answer(
                INTERVENED,
                "私の番号は{PHONE}です",
                sensitiveInformationPolicy={"piiEntities": [PHONE], "regexes": []},
            ),
            Verdict(
                rule="bedrock:sensitiveInformation:PHONE", replaced_text="私の番号は{PHONE}です"
            ),
        ),
        (
            answer(
                INTERVENED,
                "お答えできません",
                sensitiveInformationPolicy={"piiEntities": [PHONE], "regexes": []},
                topicPolicy={"topics": [TOPIC]},
            ),
            Verdict(allowed=False, rule="bedrock:topic:投資助言"),
        ),
        # Of a kind that isn't known here.
        (answer(INTERVENED, "お答えできません"), Verdict(allowed=False, rule="bedrock")),
    ],
)
def test_bedrock_s_answer_as_a_verdict(
    runtime: Any, bedrock: Stubber, said: dict[str, Any], verdict: Verdict
) -> None:
    asked = {
        "guardrailIdentifier": "ab12",
        "guardrailVersion": "3",
        "source": "OUTPUT",
        "content": [{"text": {"text": TEXT}}],
    }
    bedrock.add_response("apply_guardrail", said, asked)
    assert BedrockGuardrail(runtime, "ab12", "3").check(TEXT, "output") == verdict
    bedrock.assert_no_pending_responses()


def test_nothing_passes_while_bedrock_can_not_be_asked(runtime: Any, bedrock: Stubber) -> None:
    bedrock.add_client_error("apply_guardrail", "ThrottlingException", http_status_code=429)
    with pytest.raises(GuardUnavailable) as refused:
        BedrockGuardrail(runtime, "ab12", "3").check(TEXT, "input")
    assert (refused.value.status, refused.value.headers()) == (503, {"retry-after": "5"})


def test_each_guard_reads_what_the_one_before_has_made_of_a_text(
    runtime: Any, bedrock: Stubber
) -> None:
    rules = GuardRules(personal_data={"input": "replace"})
    replaced = [{"text": {"text": "私の番号は[phone]です"}}]
    expected = {
        "guardrailIdentifier": "ab12",
        "guardrailVersion": "3",
        "source": "INPUT",
        "content": replaced,
    }
    bedrock.add_response("apply_guardrail", answer("NONE"), expected)
    verdict = Guards([rules, BedrockGuardrail(runtime, "ab12", "3")]).check(TEXT, "input")
    assert verdict == Verdict(rule="personal_data", replaced_text="私の番号は[phone]です")


def test_what_one_refuses_no_other_is_asked(runtime: Any, bedrock: Stubber) -> None:
    guards = Guards([GuardRules(words=["番号"]), BedrockGuardrail(runtime, "ab12", "3")])
    assert guards.check(TEXT, "input") == Verdict(allowed=False, rule="words")


def test_settings_say_which_guards_there_are(runtime: Any) -> None:
    assert read_guard({}, lambda: runtime) is None

    def no_client() -> Any:
        raise AssertionError("no guardrail of Bedrock's was asked for")

    guard = read_guard({"words": ["番号"]}, no_client)
    assert guard and not guard.check(TEXT, "output").allowed
