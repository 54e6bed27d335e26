"""Node.js functions: async, callback and streaming handlers, ES modules and CommonJS."""

from __future__ import annotations

from typing import Any

import pytest

MODULE = """
    let count = 0;
    export const handler = async (event, context) => {
      console.log("来た", event);
      if (event.fail) throw new TypeError("だめ");
      return { count: ++count, text: "日本", name: context.functionName, pid: process.pid };
    };
    export const stream = awslambda.streamifyResponse(async (event, out) => {
      out = awslambda.HttpResponseStream.from(out, { statusCode: 202, headers: { "x-a": "b" } });
      for (let i = 0; i < 5; i++) {
        out.write(`piece ${i};`);
        await new Promise((next) => setTimeout(next, 20));
        if (event.fail) throw new Error("midway");
      }
      out.end();
    });
"""
COMMON = """
    exports.handler = (event, context, callback) => {
      if (event.fail) callback(new Error("called back"));
      else setTimeout(() => callback(null, { got: event.value }), 5);
    };
"""


def node_function(account: Any, files: dict[str, str], handler: str = "index.handler") -> str:
    name: str = account.function(files, Runtime="nodejs20.x", Handler=handler)
    return name


@pytest.fixture(scope="module")
def module(account: Any) -> str:
    return node_function(account, {"index.mjs": MODULE})


def test_an_async_handler_of_an_es_module(account: Any, module: str) -> None:
    first, second = account.invoke(module, {}), account.invoke(module, {})
    assert (first["text"], first["name"]) == ("日本", module)
    assert (second["pid"], second["count"]) == (first["pid"], 2)
    kind, error = account.invoke(module, {"fail": True})
    assert (kind, error["errorType"], error["errorMessage"]) == ("Unhandled", "TypeError", "だめ")


def test_a_callback_handler_of_common_js(account: Any) -> None:
    name = node_function(account, {"src/old.js": COMMON}, "src/old.handler")
    assert account.invoke(name, {"value": 1}) == {"got": 1}
    _, error = account.invoke(name, {"fail": True})
    assert error["errorMessage"] == "called back"


def test_a_streaming_handler(account: Any) -> None:
    name = node_function(account, {"index.mjs": MODULE}, "index.stream")
    answer = account.service.invoke_stream(name, {})
    assert (answer.status, answer.headers) == (202, {"x-a": "b"})
    assert b"".join(answer.chunks) == b"piece 0;piece 1;piece 2;piece 3;piece 4;"
    answer = account.service.invoke_stream(name, {})
    next(answer.chunks)
    answer.close()
    events = account.api.invoke_with_response_stream(FunctionName=name, Payload=b'{"fail": 1}')
    assert list(events["EventStream"])[-1] == {
        "InvokeComplete": {"ErrorCode": "Error", "ErrorDetails": "midway"}
    }


@pytest.mark.parametrize(
    ("source", "error_type"),
    [
        ("throw new RangeError('at start')", "RangeError"),
        ("export const other = 1", "Runtime.HandlerNotFound"),
        ("process.exit(4)", "Runtime.ExitError"),
    ],
)
def test_errors_of_the_init_phase(account: Any, source: str, error_type: str) -> None:
    _, error = account.invoke(node_function(account, {"index.mjs": source}), {})
    assert error["errorType"] == error_type


def test_a_module_that_is_not_there(account: Any) -> None:
    name = node_function(account, {"index.js": COMMON}, "nothing.handler")
    _, error = account.invoke(name, {})
    assert error["errorType"] == "Runtime.ImportModuleError"
