"""Reads a YAML launch file into the list of processes that it starts. Pure: files are read, nothing is started.

The language is a part of that of ROS 2 Jazzy, with the same meaning: `arg`, `let`, `set_env`, `node`, `include`, `group`, each with
`if` and `unless`. Whatever else a file holds is refused by name, because a line that is silently left out would start another graph.
One thing is stricter than `ros2 launch`: an argument that the file does not declare is an error.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from visavis.launcher.errors import LaunchError
from visavis.launcher.share import PACKAGE, executable_command, process_environment, share_directory
from visavis.launcher.substitution import expand, expand_words, parse_template

Parameters = Path | dict[str, Any]
"""A parameter file, or parameters given in the launch file itself."""

CONDITIONS = frozenset({"if", "unless"})
ATTRIBUTES: dict[str, frozenset[str]] = {
    "arg": frozenset({"name", "default", "description", "choice"}) | CONDITIONS,
    "let": frozenset({"name", "value"}) | CONDITIONS,
    "set_env": frozenset({"name", "value"}) | CONDITIONS,
    "include": frozenset({"file", "arg"}) | CONDITIONS,
    "group": frozenset({"scoped", "children"}) | CONDITIONS,
    "node": frozenset(
        {"pkg", "exec", "name", "namespace", "param", "remap", "args", "ros_args", "env", "output", "respawn", "respawn_delay"}
    )
    | CONDITIONS,
}
"""Action -> the attributes that are understood."""
STANDBY = {"video_generation"}
"""Executables of visavis for which a stand-by is kept."""
OUTPUTS = ("screen", "both", "log")
"""`output` is understood and has no effect: whatever a process prints is shown."""


@dataclass(frozen=True)
class Argument:
    """What a launch file says of one of its arguments. ``default`` is None for an argument that must be given."""

    name: str
    default: str | None
    description: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class ProcessSpec:
    """One process of a graph.

    ``command`` lacks the parameters: ``parameters`` are handed over as files, in this order, before ``ros_arguments``.
    ``env`` is the whole environment of the process. ``respawn_delay`` is in seconds. ``standby``: a second process is
    kept ready to take its place, see ``processes``.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    parameters: tuple[Parameters, ...] = ()
    ros_arguments: tuple[str, ...] = ()
    respawn: bool = False
    respawn_delay: float = 0.0
    standby: bool = False


@dataclass
class _Scope:
    """What substitutions see at one place of a file. A group works on a copy, an included file on the same one."""

    file: Path
    variables: dict[str, str]
    env: dict[str, str]

    def resolve(self, name: str, arguments: list[str]) -> str:
        if name == "var" and len(arguments) == 1:
            if arguments[0] not in self.variables:
                raise LaunchError(f"{self.file}: $(var {arguments[0]}) is not set: declare it with `arg` or `let` before it is used")
            return self.variables[arguments[0]]
        if name == "env" and len(arguments) in (1, 2):
            if arguments[0] in self.env:
                return self.env[arguments[0]]
            if len(arguments) == 1:
                raise LaunchError(f"{self.file}: the environment variable {arguments[0]} is not set and has no default")
            return arguments[1]
        if name == "find-pkg-share" and len(arguments) == 1:
            return str(share_directory(arguments[0], self.env))
        if name == "dirname" and not arguments:
            return str(self.file.resolve().parent)
        written = " ".join([name, *arguments])
        raise LaunchError(f"{self.file}: $({written}) is not supported; there are var, env, find-pkg-share and dirname")

    def text(self, value: Any, what: str) -> str:
        return expand(_string(value, f"{self.file}: {what}"), self.resolve)


def describe(file: str | Path, arguments: Mapping[str, str], env: Mapping[str, str]) -> list[ProcessSpec]:
    """Processes that the launch file starts, in its order, for the given arguments and environment. Raises LaunchError."""
    path = Path(file)
    declared = {argument.name for argument in read_arguments(path, env)}
    if unknown := sorted(set(arguments) - declared):
        known = ", ".join(sorted(declared)) or "none"
        raise LaunchError(f"{path.name} has no argument {', '.join(unknown)}; its arguments are: {known}")
    scope = _Scope(path, dict(arguments), dict(env))
    processes = list(_walk(_read(path), scope))
    names = Counter(process.name for process in processes)
    return [
        replace(process, name=f"{process.name}-{number}") if names[process.name] > 1 else process
        for number, process in enumerate(processes, 1)
    ]


def read_arguments(file: str | Path, env: Mapping[str, str]) -> list[Argument]:
    """Arguments that a launch file declares, those of included files (whose place needs no argument to be known) among them."""
    path = Path(file)
    found: dict[str, Argument] = {}
    for kind, attributes, source in _declarations(_read(path), _Scope(path, {}, dict(env))):
        if kind != "arg":
            continue
        where = f"{source}: arg"
        name = _string(_required(attributes, "name", where), where)
        default = attributes.get("default")
        choices = [_string(_required(_mapping(item, where), "value", where), where) for item in _list(attributes.get("choice"), where)]
        argument = Argument(
            name=name,
            default=None if default is None else _string(default, f"{where} {name}: default"),
            description=" ".join(_string(attributes.get("description", ""), where).split()),
            choices=tuple(choices),
        )
        found.setdefault(name, argument)
    return list(found.values())


def _read(path: Path) -> list[Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LaunchError(f"cannot read the launch file {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LaunchError(f"{path} is no YAML: {error}") from error
    if not isinstance(document, dict) or set(document) != {"launch"} or not isinstance(document["launch"], list):
        raise LaunchError(f"{path} is no launch file: it must hold one key `launch` with a list of actions")
    return document["launch"]


def _actions(items: list[Any], file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and attributes of each action, or LaunchError for what is not understood."""
    for item in items:
        if not isinstance(item, dict) or len(item) != 1:
            raise LaunchError(f"{file}: every action is a mapping with one key, not {item!r}")
        ((kind, attributes),) = item.items()
        if kind not in ATTRIBUTES:
            raise LaunchError(f"{file}: the action `{kind}` is not supported; there are {', '.join(sorted(ATTRIBUTES))}")
        if kind == "group" and isinstance(attributes, list):
            attributes = {"children": attributes}
        attributes = _mapping(attributes, f"{file}: {kind}")
        if unknown := sorted(map(str, set(attributes) - ATTRIBUTES[kind])):
            known = ", ".join(sorted(ATTRIBUTES[kind]))
            raise LaunchError(f"{file}: {kind} does not support {', '.join(unknown)}; it knows {known}")
        yield kind, attributes


def _declarations(items: list[Any], scope: _Scope) -> Iterator[tuple[str, dict[str, Any], Path]]:
    """Every action of a file, of its groups and of its includes, whatever the conditions."""
    for kind, attributes in _actions(items, scope.file):
        yield kind, attributes, scope.file
        if kind == "group":
            yield from _declarations(_list(attributes.get("children"), f"{scope.file}: group"), scope)
        elif kind == "include":
            file = _string(_required(attributes, "file", f"{scope.file}: include"), f"{scope.file}: include")
            if "var" not in {part.name for part in parse_template(file) if not isinstance(part, str)}:
                included = Path(scope.text(file, "include"))
                yield from _declarations(_read(included), _Scope(included, {}, scope.env))


def _walk(items: list[Any], scope: _Scope) -> Iterator[ProcessSpec]:
    for kind, attributes in _actions(items, scope.file):
        where = f"{scope.file}: {kind}"
        if not _holds(attributes, scope, where):
            continue
        if kind == "arg":
            _declare(attributes, scope)
        elif kind == "let":
            scope.variables[_string(_required(attributes, "name", where), where)] = scope.text(_required(attributes, "value", where), where)
        elif kind == "set_env":
            scope.env[_string(_required(attributes, "name", where), where)] = scope.text(_required(attributes, "value", where), where)
        elif kind == "group":
            scoped = _boolean(attributes.get("scoped", True), where)
            inner = _Scope(scope.file, dict(scope.variables), dict(scope.env)) if scoped else scope
            yield from _walk(_list(attributes.get("children"), where), inner)
        elif kind == "include":
            for name, value in _pairs(attributes.get("arg"), "name", "value", scope, where):
                scope.variables[name] = value
            included = Path(scope.text(_required(attributes, "file", where), where))
            yield from _walk(_read(included), _Scope(included, scope.variables, scope.env))
        else:
            yield _node(attributes, scope)


def _holds(attributes: Mapping[str, Any], scope: _Scope, where: str) -> bool:
    if set(attributes) >= CONDITIONS:
        raise LaunchError(f"{where}: `if` and `unless` exclude each other")
    for key in CONDITIONS & set(attributes):
        value = attributes[key]
        text = str(value).lower() if isinstance(value, bool) else scope.text(value, where)
        return _boolean(text, where) is (key == "if")
    return True


def _declare(attributes: Mapping[str, Any], scope: _Scope) -> None:
    where = f"{scope.file}: arg"
    name = _string(_required(attributes, "name", where), where)
    if name not in scope.variables:
        if "default" not in attributes:
            raise LaunchError(f"{scope.file.name} needs the argument {name}: give {name}:=...")
        scope.variables[name] = scope.text(attributes["default"], f"arg {name}: default")
    choices = [_string(_required(_mapping(item, where), "value", where), where) for item in _list(attributes.get("choice"), where)]
    if choices and scope.variables[name] not in choices:
        raise LaunchError(f"{scope.file.name}: {name}:={scope.variables[name]} is not one of {', '.join(choices)}")


def _node(attributes: Mapping[str, Any], scope: _Scope) -> ProcessSpec:
    where = f"{scope.file}: node"
    package = scope.text(_required(attributes, "pkg", where), where)
    executable = scope.text(_required(attributes, "exec", where), where)
    where = f"{where} {executable}"
    if (output := attributes.get("output", "screen")) not in OUTPUTS:
        raise LaunchError(f"{where}: output {output!r} is not one of {', '.join(OUTPUTS)}")
    env = dict(scope.env)
    env.update(_pairs(attributes.get("env"), "name", "value", scope, where))
    command = executable_command(package, executable, env)
    ros_arguments: list[str] = []
    name = scope.text(attributes["name"], where) if "name" in attributes else ""
    if name:
        ros_arguments += ["-r", f"__node:={name}"]
    if "namespace" in attributes and (namespace := scope.text(attributes["namespace"], where)):
        ros_arguments += ["-r", f"__ns:={namespace if namespace.startswith('/') else '/' + namespace}"]
    for source, target in _pairs(attributes.get("remap"), "from", "to", scope, where):
        ros_arguments += ["-r", f"{source}:={target}"]
    ros_arguments += expand_words(_string(attributes.get("ros_args", ""), where), scope.resolve)
    delay = attributes.get("respawn_delay", 0.0)
    if not isinstance(delay, int | float) or isinstance(delay, bool) or delay < 0:
        raise LaunchError(f"{where}: respawn_delay must be a number of seconds, not {delay!r}")
    return ProcessSpec(
        name=name or executable,
        command=(*command, *expand_words(_string(attributes.get("args", ""), where), scope.resolve)),
        env=process_environment(env, command),
        parameters=_parameters(_list(attributes.get("param"), where), scope, where),
        ros_arguments=tuple(ros_arguments),
        respawn=_boolean(attributes.get("respawn", False), where),
        respawn_delay=float(delay),
        standby=package == PACKAGE and executable in STANDBY and scope.env.get("VISAVIS_STANDBY") != "0",
    )


def _parameters(items: list[Any], scope: _Scope, where: str) -> tuple[Parameters, ...]:
    """Files first, then the parameters that the launch file gives itself, so that those win: as `ros2 launch` orders them."""
    files: list[Parameters] = []
    given: list[dict[str, Any]] = []
    for item in items:
        entry = _mapping(item, f"{where}: param")
        if "from" not in entry:
            given.append(entry)
            continue
        if set(entry) != {"from"}:
            raise LaunchError(
                f"{where}: a param with `from` has nothing beside it, this one has {', '.join(sorted(set(entry) - {'from'}))}"
            )
        path = Path(scope.text(entry["from"], where))
        if not path.is_file():
            raise LaunchError(f"{where}: there is no parameter file {path}")
        files.append(path)
    values = _nested(given, scope, f"{where}: param")
    return (*files, values) if values else tuple(files)


def _nested(entries: list[dict[str, Any]], scope: _Scope, where: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for entry in entries:
        name = scope.text(_required(entry, "name", where), where)
        if set(entry) == {"name", "value"}:
            result[name] = _parameter(entry["value"], scope, f"{where} {name}")
        elif set(entry) == {"name", "param"}:
            result[name] = _nested([_mapping(item, where) for item in _list(entry["param"], where)], scope, f"{where} {name}")
        else:
            raise LaunchError(f"{where} {name}: needs either `value` or nested `param`, and nothing else")
    return result


def _parameter(value: Any, scope: _Scope, where: str) -> Any:
    """Value of a parameter. Text with a substitution becomes what YAML makes of the result, so `'$(var x)'` in quotes is always text."""
    if isinstance(value, list):
        return [_parameter(item, scope, where) for item in value]
    if not isinstance(value, str):
        return value
    template = parse_template(value)
    if all(isinstance(part, str) for part in template):
        return expand(value, scope.resolve)
    if len(value) > 1 and value[0] == value[-1] == "'":
        return expand(value[1:-1], scope.resolve)
    text = expand(value, scope.resolve)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise LaunchError(f"{where}: {text!r} is no YAML value; write \"'{value}'\" for text") from error


def _pairs(items: Any, first: str, second: str, scope: _Scope, where: str) -> list[tuple[str, str]]:
    result = []
    for item in _list(items, where):
        entry = _mapping(item, where)
        if set(entry) != {first, second}:
            raise LaunchError(f"{where}: needs `{first}` and `{second}` and nothing else, got {', '.join(map(str, entry))}")
        result.append((scope.text(entry[first], where), scope.text(entry[second], where)))
    return result


def _required(attributes: Mapping[str, Any], key: str, where: str) -> Any:
    if key not in attributes:
        raise LaunchError(f"{where} lacks `{key}`")
    return attributes[key]


def _string(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise LaunchError(f"{where}: {value!r} must be text, write it in quotes")
    return value


def _boolean(value: Any, where: str) -> bool:
    if isinstance(value, bool):
        return value
    known = {"true": True, "1": True, "false": False, "0": False}
    if not isinstance(value, str) or value.strip().lower() not in known:
        raise LaunchError(f"{where}: {value!r} is neither true nor false")
    return known[value.strip().lower()]


def _list(value: Any, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise LaunchError(f"{where}: needs a list, not {value!r}")
    return value


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise LaunchError(f"{where}: needs a mapping, not {value!r}")
    return value
