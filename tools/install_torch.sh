#!/bin/sh
# Installs torch into .venv: its CPU build (190 MB) where pip finds one, else its CUDA build (4 GB).
# Run by `make setup` in the repository's root; another Python than .venv's may be given.
set -eu
python=${1:-.venv/bin/python}
# PyTorch's own index of CPU builds: many networks don't reach it, and then nobody should wait for it.
pytorch_index=https://download.pytorch.org/whl/cpu

install() {
  "$python" -m pip install -qq --disable-pip-version-check --no-deps --require-hashes "$@"
}

said=$(mktemp)
trap 'rm -f "$said"' EXIT

if install -r requirements-cpu.lock 2>"$said"; then
  echo "      the CPU build (190 MB), from where pip is configured to look"
elif install --retries 0 --timeout 5 --index-url "$pytorch_index" -r requirements-cpu.lock 2>>"$said"; then
  echo "      the CPU build (190 MB), from $pytorch_index"
else
  echo "      no CPU build where pip looks, nor at $pytorch_index: installing the CUDA build (4 GB)"
  # What pip said of the CPU build helps only where this fails as well.
  install -r requirements-cuda.lock || { cat "$said" >&2; exit 1; }
fi
