"""Whether a prompt can go before a certain model's conversations."""

from __future__ import annotations

from meguru.chat import ChatEncoder
from meguru.prompt import Prompt

# What a prompt may take of a model's context: the rest is the conversation's and the answer's.
LARGEST_SHARE = 0.5


def check_fit(prompt: Prompt, encoder: ChatEncoder, context_tokens: int) -> int:
    """How many tokens `prompt` adds to a conversation that `encoder`, which has it, encodes.

    ValueError where it holds a control token of the model as text (an engine that reads a chat
    template would take it for one), or takes more of the context than it may.
    """
    for name, text in prompt.texts.items():
        if found := encoder.find_control_token(text):
            raise ValueError(
                f"the prompt {prompt.version}: {name} has {found}, a control token of this model: "
                "say it in words or take it out"
            )
    num_tokens = encoder.num_prompt_tokens
    if num_tokens > LARGEST_SHARE * context_tokens:
        raise ValueError(
            f"the prompt {prompt.version} takes {num_tokens} of the model's {context_tokens} "
            f"tokens of context, and at most {LARGEST_SHARE:.0%} are left to it: shorten its "
            "system text or its examples"
        )
    return num_tokens
