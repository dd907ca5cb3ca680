#!/usr/bin/env bash
# Installs the package visavis_msgs into an environment. Its wheel takes a minute to build, so it is kept under the user's cache and built
# again only when a definition, the package or the version of Python has changed.
#   .ci/build_messages.sh PYTHON_OF_THE_ENVIRONMENT
set -euo pipefail

python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/.."
package=ros_ws/src/visavis_msgs
uv=${UV-$(command -v uv || true)}

tag=$("$python" -c 'import sys, platform; print(sys.implementation.cache_tag, platform.machine(), sep="-")')
sum=$(sha256sum msg/*.msg msg/action/* "$package"/CMakeLists.txt "$package"/package.xml "$package"/pyproject.toml "$package"/cmake/* "$package"/foxglove_msgs/*.* "$package"/foxglove_msgs/msg/* | sha256sum | cut -c1-16)
store=${XDG_CACHE_HOME:-$HOME/.cache}/visavis/messages/$tag-$sum
if ! ls "$store"/*.whl >/dev/null 2>&1; then
  echo "Building the messages (about a minute)"
  mkdir -p "$store"
  work=$(mktemp -d "$store/build.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  if [ -n "$uv" ]; then
    "$uv" build --quiet --wheel --python "$python" --out-dir "$work" "$package"
  else
    "$python" -m pip wheel --quiet --no-deps --wheel-dir "$work" "./$package"
  fi
  mv "$work"/*.whl "$store"/
fi
if [ -n "$uv" ]; then
  "$uv" pip install --quiet --python "$python" --reinstall-package visavis-msgs "$store"/*.whl
else
  "$python" -m pip install --quiet --no-deps --force-reinstall "$store"/*.whl
  "$python" -m pip install --quiet "$store"/*.whl
fi
