#!/bin/sh
# Pins every dependency with its hashes: requirements.lock for one machine, and each image's
# requirements.txt with the same versions. Run by `make lock`.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
# torch's CPU build has the same version and other files: pip has to be allowed either.
TORCH_CPU_HASH=sha256:6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b
compile="$uv pip compile --quiet --no-header --no-annotate --no-emit-index-url --no-emit-find-links --generate-hashes
  --python-version 3.11 --python-platform x86_64-manylinux_2_28"

groups=""
for group in infrastructure functions localcloud jobs cli dev; do groups="$groups --group $group"; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

allow_cpu_build() {
  sed "s|^torch==\([0-9.]*\) \\\\|torch==\1 \\\\\n    --hash=$TORCH_CPU_HASH \\\\|" "$1"
}

$compile $groups --output-file "$work/all.txt"
# What torch's CUDA build loads comes apart: a machine without a GPU does well without 4 GB of it.
cuda=$(grep -oE '^(nvidia|cuda|triton)[a-z0-9-]*' "$work/all.txt" | sort -u)
$compile $groups $(printf -- '--no-emit-package %s ' $cuda) --output-file "$work/cpu.txt"
allow_cpu_build "$work/cpu.txt" > requirements.lock
grep -oE '^(nvidia|cuda|triton)[a-z0-9-]*==[^ ]+' "$work/all.txt" > "$work/cuda.in"
$compile --no-deps --output-file requirements-cuda.lock "$work/cuda.in"
for image in curation training evaluation inference_containers/text; do
  $compile --constraint "$work/all.txt" --output-file "$image/requirements.txt" "$image/requirements.in"
done
