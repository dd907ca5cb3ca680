#!/usr/bin/env bash
# Proves that `cd ros_ws && colcon build` builds both packages, without an apt ROS 2: against the ROS wheels of an environment, with colcon in
# an environment of its own. Everything is written into a folder that is removed at the end.
#   .ci/check_colcon.sh [PYTHON_OF_AN_ENVIRONMENT_WITH_VISAVIS]        (default: .venv/bin/python)
set -euo pipefail

cd "$(dirname "$0")/.."
python=$(cd "$(dirname "${1:-.venv/bin/python}")" && pwd)/python
prefix=$("$python" -c 'import sys; print(sys.prefix)')
uv=${UV-$(command -v uv || true)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The generators and cmake are needed at build time only, so they go beside the run-time packages, not among them. The same list as pip uses.
"$python" - ros_ws/src/visavis_msgs/pyproject.toml >"$work/requirements.txt" <<'END'
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    project = tomllib.load(file)
needed = [name for name in project["build-system"]["requires"] if not name.startswith("scikit-build-core")]
print(*needed, *project["project"]["dependencies"], "colcon-common-extensions", "setuptools<80", sep="\n")
END
echo "Making an environment with colcon"
if [ -n "$uv" ]; then
  "$uv" venv --quiet --python "$python" "$work/venv"
  "$uv" pip install --quiet --python "$work/venv/bin/python" -r "$work/requirements.txt"
else
  "$python" -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet -r "$work/requirements.txt"
fi

# Foreign paths of a ROS environment that is active here must not reach the build.
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE LD_LIBRARY_PATH PYTHONPATH
export PATH="$work/venv/bin:$PATH" AMENT_PREFIX_PATH="$work/venv" CMAKE_PREFIX_PATH="$work/venv"
cmake_file=$PWD/ros_ws/src/visavis_msgs/cmake/ros_wheels.cmake

cd ros_ws
found=$(colcon --log-base "$work/log" list --names-only | sort | paste -sd ' ')
if [ "$found" != "visavis visavis_msgs" ]; then
  echo "colcon list found \"$found\", not visavis and visavis_msgs" >&2
  exit 1
fi
colcon --log-base "$work/log" build --build-base "$work/build" --install-base "$work/install" --cmake-args -GNinja -DCMAKE_BUILD_TYPE=Release \
  -DBUILD_TESTING=OFF -DPython3_EXECUTABLE="$work/venv/bin/python" -DCMAKE_PROJECT_INCLUDE="$cmake_file"

cd "$work"
fail() { echo "$1" >&2; exit 1; }
for file in share/visavis/package.xml share/visavis/launch/avatar.launch.yaml share/visavis/config/avatar.yaml \
  share/visavis/config/fastdds_avatar.xml share/ament_index/resource_index/packages/visavis lib/visavis/audio_capture \
  lib/visavis/motion_diffusion lib/visavis/control_render lib/visavis/video_generation; do
  [ -e "install/visavis/$file" ] || fail "colcon did not install $file"
done
for file in lib/visavis/audio_capture lib/visavis/video_generation; do
  [ -x "install/visavis/$file" ] || fail "$file cannot be executed, so ros2 run and ros2 launch would not find it"
done
packages=$(echo install/visavis_msgs/lib/python3*/site-packages)
LD_LIBRARY_PATH="install/visavis_msgs/lib" PYTHONPATH="$packages" AMENT_PREFIX_PATH="$work/install/visavis_msgs:$work/venv" \
  "$work/venv/bin/python" -c '
import visavis_msgs
assert "install/visavis_msgs" in visavis_msgs.__file__, visavis_msgs.__file__
from rclpy.serialization import deserialize_message, serialize_message
from visavis_msgs.action import Say
from visavis_msgs.msg import AudioChunk, ControlFrame, MotionChunk
sent = AudioChunk(utterance_id=7, samples=[1, -2, 3])
received = deserialize_message(serialize_message(sent), AudioChunk)
assert received == sent
assert deserialize_message(serialize_message(Say.Goal(text="hello")), Say.Goal).text == "hello"
'
echo "colcon builds visavis and visavis_msgs; both install what ros2 launch needs; the messages serialize"
