"""A prompt as a chat template: for engines that read one from a file, as vLLM does.

The file is the model's own template after a beginning that makes other messages of those it is
given, by the rules of meguru.prompt.
"""

from __future__ import annotations

import json

from meguru.prompt import Prompt

# The texts of a message that comes in parts are joined. A namespace is what a loop can write to;
# lists are made anew, as the sandbox that templates run in lets none be changed.
_BEGINNING = """\
{{%- set prompt = namespace(system={system}, messages=[]) -%}}
{{%- for message in messages -%}}
{{%- set content = message['content'] | default('', true) -%}}
{{%- set content = content if content is string else content | map(attribute='text') | join -%}}
{{%- if loop.first and message['role'] == 'system' -%}}
{{%- set between = '\\n\\n' if prompt.system and content else '' -%}}
{{%- set prompt.system = prompt.system ~ between ~ content -%}}
{{%- else -%}}
{{%- set prompt.messages = prompt.messages + [dict(message, content=content)] -%}}
{{%- endif -%}}
{{%- endfor -%}}
{{%- set prompt.messages = {turns} + prompt.messages -%}}
{{%- set prompt.said = [] -%}}
{{%- for message in prompt.messages -%}}
{{%- if message['role'] == 'user' -%}}
{{%- set message = dict(message, content={before} ~ message['content'] ~ {after}) -%}}
{{%- endif -%}}
{{%- set prompt.said = prompt.said + [message] -%}}
{{%- endfor -%}}
{{%- if prompt.system and ({takes_system} or not prompt.said) -%}}
{{%- set prompt.said = [{{'role': 'system', 'content': prompt.system}}] + prompt.said -%}}
{{%- elif prompt.system -%}}
{{%- set prompt.first = prompt.system ~ '\\n\\n' ~ prompt.said[0]['content'] -%}}
{{%- set prompt.said = [dict(prompt.said[0], content=prompt.first)] + prompt.said[1:] -%}}
{{%- endif -%}}
{{%- set messages = prompt.said %}}
"""


def chat_template(own: str, prompt: Prompt, *, takes_system: bool) -> str:
    """The model's `own` template with `prompt` before it.

    Where the own template refuses or drops a system message (meguru.chat.ChatEncoder knows), its
    text begins the first question.
    """
    before, after = prompt.around_question
    # The line's end after the last tag belongs to it: what the own template begins with stays.
    return (
        _BEGINNING.format(
            system=_literal(prompt.system),
            turns=_literal(prompt.turns),
            before=_literal(before),
            after=_literal(after),
            takes_system="true" if takes_system else "false",
        )
        + own
    )


def _literal(value: object) -> str:
    """JSON, which is Jinja's way to write texts and lists, too.

    Every sign stands as it is: JSON would write one beyond U+FFFF as two, which Jinja keeps as two.
    """
    return json.dumps(value, ensure_ascii=False)
