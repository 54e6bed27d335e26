"""Mapping templates, evaluated on a function's answer."""

from __future__ import annotations

from typing import Any

import pytest

BODY = b'{"name": "Ann", "tags": ["a", "b"], "sizes": {"x": 1, "y": 2}, "quote": "it\'s \\"so\\""}'


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("$input.json('$.tags')", '["a","b"]'),
        ("$input.path('$.name').toUpperCase()", "ANN"),
        ("$input.path('$.name').substring(0, 2).concat('!')", "An!"),
        ("#if($input.path('$.name').equals('Ann'))yes#{else}no#end", "yes"),
        ("#if($input.path('$.nosuch') == '')none#end", "none"),
        ("$input.path('$.tags').size()", "2"),
        ("#foreach($t in $input.path('$.tags'))$t#if($foreach.hasNext),#end#end", "a,b"),
        (
            "#foreach($e in $input.path('$.sizes').entrySet())$e.key=$e.value;#end",
            "x=1;y=2;",
        ),
        ("#set($all = $input.params())$all.querystring.q", "1 2"),
        ("$input.params('q') $input.params('nosuch')|", "1 2 |"),
        ("$util.urlEncode($input.params('q'))", "1%202"),
        ("$util.base64Decode($util.base64Encode('あ'))", "あ"),
        ("$util.escapeJavaScript($input.path('$.quote'))", 'it\\\'s \\"so\\"'),
        ("#set($p = $util.parseJson('{\"a\": [1]}'))$p.a[0]", "1"),
        (
            "#set($context.responseOverride.header.X-A = 'c')$context.responseOverride.header.X-A",
            "c",
        ),
        ("#set($a-b = {'c-d': 'e'})$a-b.c-d#foreach($x-y in ['f'])$x-y#end", "ef"),
        ("$context.httpMethod $context.stage $stageVariables.color", "POST prod red"),
    ],
)
def test_templates(api: Any, template: str, expected: str) -> None:
    name = api.method("/", "POST")
    api.functions.handlers["echo"] = lambda event: event
    api.gateway.put_integration(
        **name, type="AWS", integrationHttpMethod="POST", uri=api.functions.uri("echo")
    )
    api.gateway.put_integration_response(
        **name, statusCode="200", responseTemplates={"application/json": template}
    )
    api.gateway.create_deployment(restApiId=api.id, stageName="prod", variables={"color": "red"})
    assert api.call("/?q=1%202", "POST", body=BODY).data.decode() == expected
