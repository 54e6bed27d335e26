"""What is uploaded: a function's own folder and meguru; an image's own folder and meguru."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.stacks.deployment import function_folder

if TYPE_CHECKING:
    from tests.stacks.synthesis import Synthesis

REPOSITORY = Path(__file__).parents[2]
MAX_BYTES = 1_000_000
IMAGES = (
    "base_models",
    "curation",
    "training",
    "evaluation",
    "inference_containers/text",
    "inference_containers/embedding",
)
# Powertools' layer and the Lambda runtime carry these.
PROVIDED = {"boto3", "botocore", "aws_lambda_powertools", "lambdas", "meguru"}


def functions(synthesis: Synthesis) -> dict[str, Path]:
    """The asset of each function of ours, by its folder."""
    found = {}
    for resource in synthesis.resources("AWS::Lambda::Function"):
        folder = function_folder(synthesis.assembly, resource)
        asset = synthesis.assembly.file_asset(resource.properties["Code"]["S3Key"])
        assert asset is not None
        if folder:
            found[folder] = asset
    return found


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_function_is_its_own_folder_and_meguru(synthesis: Synthesis) -> None:
    for folder, asset in functions(synthesis).items():
        parts = {str(path.relative_to(asset).parent) for path in files(asset)}
        own = {part for part in parts if f"{part}/".startswith(f"lambdas/{folder}/")}
        assert parts - own <= {"meguru", "."}, folder
        at_top = {path.name for path in asset.iterdir() if path.is_file()}
        assert at_top <= {"run.sh"}, folder
        assert not list(asset.rglob("__pycache__")), folder


def test_a_function_is_small(synthesis: Synthesis) -> None:
    sizes = {
        folder: sum(path.stat().st_size for path in files(asset))
        for folder, asset in functions(synthesis).items()
    }
    assert len(sizes) >= 7
    assert {folder: size for folder, size in sizes.items() if size >= MAX_BYTES} == {}


def test_a_function_imports_what_is_there(synthesis: Synthesis) -> None:
    for folder, asset in functions(synthesis).items():
        for path in asset.rglob("*.py"):
            for name in _imports(path):
                assert name in PROVIDED or name in sys.stdlib_module_names, f"{folder}: {name}"


def _imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_an_image_is_its_own_folder_and_meguru(synthesis: Synthesis) -> None:
    found = set()
    for image in synthesis.assembly.images.values():
        assert image.directory is not None
        own = {str(path.relative_to(image.directory).parent) for path in files(image.directory)}
        [folder] = {name for name in IMAGES if any(part.startswith(name) for part in own)}
        found.add(folder)
        parents = {str(parent) for parent in Path(folder).parents}
        parents |= {f"{parent}/serving" for parent in parents}
        strangers = {
            part for part in own if not part.startswith((folder, "meguru")) and part not in parents
        }
        assert strangers == set(), folder
    kinds = {model.kind for model in synthesis.environment.models.values()}
    unused = {f"inference_containers/{kind}" for kind in {"text", "embedding"} - kinds}
    assert found == set(IMAGES) - unused


@pytest.mark.parametrize("folder", IMAGES)
def test_an_image_copies_what_it_imports(folder: str) -> None:
    copied = set()
    for line in (REPOSITORY / folder / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY"):
            copied |= {part.partition("/")[0] for part in line.split()[1:-1]}
    ours = {"base_models", "curation", "training", "evaluation", "inference_containers", "meguru"}
    ours.add("stacks")
    imported = {
        name for path in (REPOSITORY / folder).rglob("*.py") for name in _imports(path) & ours
    }
    assert imported <= copied


def dockerfile(folder: str) -> str:
    return (REPOSITORY / folder / "Dockerfile").read_text()


@pytest.mark.parametrize("folder", IMAGES)
def test_an_image_s_base_is_pinned_by_its_digest(folder: str) -> None:
    bases = re.findall(r"^FROM (.*)$", dockerfile(folder), re.MULTILINE)
    assert bases
    for base in bases:
        assert re.fullmatch(r"\S+@sha256:[0-9a-f]{64}", base)


def test_vllm_s_image_is_aws_s_with_our_entrypoint_alone() -> None:
    """Of it AWS publishes no digest: the environment file may name one."""
    text = (REPOSITORY / "inference_containers/text/vllm.Dockerfile").read_text()
    [base] = re.findall(r"^ARG BASE=(.*)$", text, re.MULTILINE)
    assert re.fullmatch(r"763104351884\.dkr\.ecr\.us-west-2\.amazonaws\.com/vllm:\S+", base)
    assert re.findall(r"^FROM (.*)$", text, re.MULTILINE) == ["${BASE}"]
    assert "RUN" not in text
    for name in ("vllm", "vllm_options", "vllm_headers"):
        needed = _imports(REPOSITORY / f"inference_containers/text/{name}.py")
        # transformers comes with vLLM.
        assert needed <= {
            "meguru",
            "inference_containers",
            "transformers",
            *sys.stdlib_module_names,
        }


def test_images_with_torch_have_one_base_and_bring_no_torch() -> None:
    with_torch = [folder for folder in IMAGES if _uses_torch(folder)]
    assert with_torch == [one for one in IMAGES if one != "curation"]
    bases = [re.findall(r"^FROM (.*)$", dockerfile(one), re.MULTILINE) for one in with_torch]
    assert bases == [bases[0]] * len(with_torch)
    for folder in with_torch:
        pinned = (REPOSITORY / folder / "requirements.txt").read_text()
        names = re.findall(r"^([A-Za-z0-9_.-]+)==", pinned, re.MULTILINE)
        assert "transformers" in names
        assert [one for one in names if re.match(r"(torch|triton|nvidia-|cuda-)", one)] == []


def _uses_torch(folder: str) -> bool:
    return any("torch" in _imports(path) for path in (REPOSITORY / folder).rglob("*.py"))


@pytest.mark.parametrize("folder", IMAGES)
def test_an_image_has_what_its_requirements_ask_for(folder: str) -> None:
    asked = (REPOSITORY / folder / "requirements.in").read_text().split()
    pinned = (REPOSITORY / folder / "requirements.txt").read_text()
    assert asked
    for requirement in asked:
        assert f"\n{requirement} \\\n" in f"\n{pinned}", requirement
