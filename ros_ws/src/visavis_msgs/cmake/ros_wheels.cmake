# Included right after project() where ROS 2 comes from PyPI wheels (CMAKE_PROJECT_visavis_msgs_INCLUDE, see pyproject.toml).
# A build under an apt ROS 2 never reads this file, so CMakeLists.txt stays a standard one.

# The wheels install into the prefix of the environment: a venv, or the overlay in which pip or uv builds. Whichever it
# is, ament_package lies at <prefix>/lib/pythonX.Y/site-packages/ament_package/__init__.py.
if(NOT DEFINED Python3_EXECUTABLE)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
endif()
execute_process(
  COMMAND "${Python3_EXECUTABLE}" -c
    "import ament_package, pathlib; print(pathlib.Path(ament_package.__file__).resolve().parents[4].as_posix())"
  OUTPUT_VARIABLE ros_wheels_prefix
  OUTPUT_STRIP_TRAILING_WHITESPACE
  COMMAND_ERROR_IS_FATAL ANY
)
list(PREPEND CMAKE_PREFIX_PATH "${ros_wheels_prefix}")
set(ENV{AMENT_PREFIX_PATH} "${ros_wheels_prefix}")

# The targets that the wheels export name include folders of the container they were built in (/opt/python/...). CMake
# refuses to use a target with a missing include folder, so those are dropped once all targets are known.
function(ros_wheels_drop_missing_includes)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(folders)
      set(existing "")
      foreach(folder IN LISTS folders)
        if(folder MATCHES "\\$<" OR EXISTS "${folder}")
          list(APPEND existing "${folder}")
        endif()
      endforeach()
      set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${existing}")
    endif()
  endforeach()
endfunction()
cmake_language(DEFER CALL ros_wheels_drop_missing_includes)
