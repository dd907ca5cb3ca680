#!/usr/bin/env bash
# Prints the path of a Python that visavis runs on (3.11 or 3.12): the one given, or the first of the usual names.
#   .ci/find_python.sh [PYTHON]
set -euo pipefail

path_if_it_fits() { # also sees through the shims of version managers that name a Python which is not there
  "$1" -c 'import sys; fits = (3, 11) <= sys.version_info[:2] <= (3, 12); print(sys.executable if fits else "", end=""); sys.exit(not fits)' 2>/dev/null
}

if [ -n "${1:-}" ]; then
  if ! path_if_it_fits "$1"; then
    echo "PYTHON=$1 is no Python 3.11 or 3.12: $("$1" --version 2>&1 | head -n 1)" >&2
    exit 1
  fi
  exit 0
fi
for name in python3.11 python3.12 python3 python; do
  if command -v "$name" >/dev/null && path_if_it_fits "$name"; then
    exit 0
  fi
done
echo "visavis needs Python 3.11 or 3.12 and found neither: install one (Debian 12: apt-get install python3.11-venv;" \
  "Ubuntu 24.04: apt-get install python3.12-venv), or name it: make PYTHON=/path/to/python3.11" >&2
exit 1
