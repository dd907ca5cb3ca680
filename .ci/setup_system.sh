#!/usr/bin/env bash
# Sees to what pip cannot install: shared libraries, the headers of Python, venv, a compiler. What is missing is installed with apt (with sudo
# where the user is not root) and announced first. Where that cannot be done, says what to install and fails.
#   .ci/setup_system.sh PYTHON [browser]        (browser: also Chromium, which the tests of the page look through)
set -euo pipefail

python=$1
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
missing=()

# A library is there if it can be loaded; where it lies differs between distributions.
need_library() { # soname, apt package, what it is for
  if ! "$python" -c "import ctypes, sys; ctypes.CDLL(sys.argv[1])" "$1" 2>/dev/null; then
    echo "missing: $1 (package $2), for $3"
    missing+=("$2")
  fi
}
need_library libGL.so.1 libgl1 "OpenCV"
need_library libgthread-2.0.so.0 libglib2.0-0 "OpenCV"
need_library libEGL.so.1 libegl1 "mediapipe"
need_library libGLESv2.so.2 libgles2 "mediapipe"
need_library libportaudio.so.2 libportaudio2 "sounddevice, the microphone"

if ! command -v c++ >/dev/null && ! command -v g++ >/dev/null && ! command -v clang++ >/dev/null; then
  echo "missing: a C++ compiler (package g++), to build the messages"
  missing+=(g++)
fi
if ! "$python" -c 'import os, sys, sysconfig; sys.exit(not os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h")))'; then
  echo "missing: Python.h (package python$version-dev), to build the messages"
  missing+=("python$version-dev")
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  echo "missing: venv (package python$version-venv), to make .venv"
  missing+=("python$version-venv")
fi
if [ "${2:-}" = browser ] && [ -z "${VISAVIS_CHROMIUM:-}" ] &&
  ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null; then
  echo "missing: Chromium (package chromium), to test the page"
  missing+=(chromium)
fi

if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi
by_hand="install them by hand: apt-get install ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "This machine has no apt. Install what is missing with its own package manager (Debian's names: ${missing[*]}), then run make again." >&2
  exit 1
fi
privilege=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Not root, and there is no sudo: as root, $by_hand; then run make again." >&2
    exit 1
  fi
  privilege=(sudo)
fi
echo "Installing with apt: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${privilege[@]}" apt-get update -qq || echo "apt-get update failed; trying with the lists that are here" >&2
if ! "${privilege[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; then
  echo "apt could not install ${missing[*]}: $by_hand; then run make again." >&2
  exit 1
fi
