#!/usr/bin/env bash
# Installs torch for training and for its tests. On a machine without an NVIDIA GPU the build for CPUs is taken where a package source that pip is
# set up with offers one: it is a tenth of the size. Otherwise the usual one, which runs everywhere.
#   .ci/install_torch.sh PYTHON_OF_THE_ENVIRONMENT
set -euo pipefail

python=$1
if "$python" -c 'import torch' 2>/dev/null; then
  exit 0
fi
wanted='torch>=2.6,<3'
if ! command -v nvidia-smi >/dev/null; then
  offered=$("$python" -m pip index versions torch --disable-pip-version-check 2>/dev/null | grep -oE '2\.[0-9.]+\+cpu' | head -n 1 || true)
  [ -z "$offered" ] || wanted="torch==$offered"
fi
echo "Installing $wanted"
"$python" -m pip install --quiet --disable-pip-version-check "$wanted"
