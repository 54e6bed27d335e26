"""`python3 -m inference_containers.text.vllm`: vLLM over the same contract, for GPUs.

In AWS's vLLM container it stands in for that one's own entrypoint: what is served is checked first.
Where there is no vLLM, as on a laptop, our own engine stands in, and says so.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from inference_containers.text.vllm_options import prepare
from meguru.accelerator import load_newer_driver, num_gpus
from meguru.model_version import Answering

SERVER = "vllm.entrypoints.openai.api_server"
HEADERS = "inference_containers.text.vllm_headers.Headers"
# AWS's container takes each option of `vllm serve` as such a variable, and so does this one.
VARIABLE = "SM_VLLM_"


def main() -> None:
    python = find_python(os.environ)
    if python is None:
        print("vLLM is not installed here: our own engine stands in for it", flush=True)
        # Its needs aren't in vLLM's image.
        from inference_containers.text.serve import main as serve

        serve()
        return
    try:
        words, environment = command(os.environ, Path(tempfile.mkdtemp()))
    except (ValueError, OSError) as error:
        raise SystemExit(f"the model can't be loaded: {error}") from error
    os.execve(python, [python, "-m", SERVER, *words], environment)


def find_python(environment: Mapping[str, str]) -> str | None:
    """The interpreter that has vLLM: this one, or what VLLM_PYTHON names."""
    if importlib.util.find_spec("vllm"):
        return sys.executable
    return environment.get("VLLM_PYTHON") or None


def command(environment: Mapping[str, str], scratch: Path) -> tuple[list[str], dict[str, str]]:
    """What the server is started with: its arguments, and its variables.

    ValueError says why the model can't be served.
    """
    base_dir = Path(environment.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    name, approved = environment.get("MODEL_NAME", "model"), environment.get("PROMPT_VERSION", "")
    longest = environment.get("ANSWER_TOKENS")
    serving = prepare(
        base_dir, name, num_gpus(), scratch, approved, int(longest) if longest else None
    )
    Answering(environment.get("MODEL_VERSION", ""), serving.prompt_version).attributes()
    given = {
        name.removeprefix(VARIABLE).lower().replace("_", "-"): value
        for name, value in environment.items()
        if name.startswith(VARIABLE)
    }
    place = {
        "host": environment.get("SAGEMAKER_BIND_TO_HOST", "0.0.0.0"),
        "port": environment.get("SAGEMAKER_BIND_TO_PORT", "8080"),
        "middleware": HEADERS,
    }
    variables = {"PROMPT_VERSION": serving.prompt_version, "ADAPTER_NAME": serving.adapter}
    return serving.arguments({**given, **place}), {**environment, **variables}


if __name__ == "__main__":
    load_newer_driver()
    main()
