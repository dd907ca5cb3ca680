"""ROS parameters to frozen dataclasses. A field of the dataclass is a parameter: its name, default, description, range and choices."""

import dataclasses
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

Config = TypeVar("Config")


def parameter(
    default: Any,
    description: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
    live: bool = False,
    instead: str = "",
    or_path: bool = False,
) -> Any:
    """A dataclass field that is a ROS parameter. ``low`` and ``high`` are inclusive; ``choices`` are the strings that are allowed, and with
    ``or_path`` the path of something that exists.

    ``live``: a change takes effect while the node runs; others are refused once it is configured, with what to do
    ``instead``.
    """
    metadata = {"description": description, "low": low, "high": high, "choices": choices, "live": live, "instead": instead}
    metadata["or_path"] = or_path
    return dataclasses.field(default=default, metadata=metadata)


def declare_parameters(node: Node, config: type[Config], configured: Callable[[], bool] = lambda: False) -> None:
    """Declares every field of ``config`` on the node, with description and range; changes that are not allowed are refused, and so are
    those that would have no effect because the node is ``configured`` already.

    Raises ValueError, naming the parameter, where a value that was given at start has the wrong type or is out of range.
    """
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        if node.has_parameter(field.name):
            continue
        kind = _kind(config, field)
        default = list(field.default) if isinstance(field.default, tuple) else field.default
        given = node._parameter_overrides.get(field.name)  # rclpy has no public way to ask before declaring
        if given is not None:
            default = _coerce(field, kind, given.value)
        try:
            node.declare_parameter(
                Parameter(field.name, value=default).name, default, _descriptor(field, kind), ignore_override=given is not None
            )
        except Exception as error:
            raise ValueError(f"parameter {field.name} = {default!r}: {error}") from error
    fields = {field.name: field for field in dataclasses.fields(config)}  # type: ignore[arg-type]

    def check(changes: list[Parameter]) -> SetParametersResult:
        for change in changes:
            if change.name in fields:
                if configured() and not fields[change.name].metadata["live"]:
                    instead = fields[change.name].metadata["instead"] or "clean it up first, or start it anew"
                    reason = f"{change.name} takes effect when the node is configured: {instead}"
                    return SetParametersResult(successful=False, reason=reason)
                try:
                    _coerce(fields[change.name], _kind(config, fields[change.name]), change.value)
                except ValueError as error:
                    return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(check)


def read_parameters(node: Node, config: type[Config]) -> Config:
    """The present values of the declared parameters as ``config``. Raises ValueError where the dataclass refuses them."""
    values = {}
    for field in dataclasses.fields(config):  # type: ignore[arg-type]
        values[field.name] = _coerce(field, _kind(config, field), node.get_parameter(field.name).value)
    return config(**values)


def _kind(config: type, field: dataclasses.Field[Any]) -> Any:
    return typing.get_type_hints(config)[field.name]


def _descriptor(field: dataclasses.Field[Any], kind: Any) -> ParameterDescriptor:
    low, high, choices = (field.metadata[key] for key in ("low", "high", "choices"))
    descriptor = ParameterDescriptor(description=field.metadata["description"])
    if choices:
        descriptor.additional_constraints = "one of: " + ", ".join(choices) + (", or a path" if field.metadata["or_path"] else "")
    if low is not None and kind is int:
        descriptor.integer_range = [IntegerRange(from_value=int(low), to_value=int(high if high is not None else 2**62))]
    elif low is not None:
        descriptor.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high if high is not None else 1e12))]
    return descriptor


def _coerce(field: dataclasses.Field[Any], kind: Any, value: Any) -> Any:
    """The value in the type of the field. A whole number is accepted where a decimal one is meant: launch files write 1 for 1.0."""
    name = field.name
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if kind is str and not isinstance(value, str) and value is not None:
        value = str(value)  # YAML reads a device called 3 as a number
    if kind == tuple[str, ...]:
        if value is None:
            value = ()
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"parameter {name} must be a list of strings, got {value!r}")
        return tuple(value)
    if (kind is bool and not isinstance(value, bool)) or (
        kind in (int, float) and (isinstance(value, bool) or not isinstance(value, kind))
    ):
        raise ValueError(f"parameter {name} must be of type {kind.__name__}, got {value!r}")
    low, high, choices = (field.metadata[key] for key in ("low", "high", "choices"))
    if low is not None and not low <= value <= (float("inf") if high is None else high):
        raise ValueError(f"parameter {name} must be from {low} to {'any' if high is None else high}, got {value}")
    or_path = field.metadata["or_path"]
    if choices and value not in choices and not (or_path and Path(value).exists()):
        more = ", or a path that exists on this machine" if or_path else ""
        raise ValueError(f"parameter {name} must be one of {', '.join(choices)}{more}, got {value!r}")
    return value
