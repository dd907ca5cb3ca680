"""The `$(...)` of launch files: `$(var name)`, `$(env NAME default)`, `$(find-pkg-share package)` and `$(dirname)`, nested at will."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from visavis.launcher.errors import LaunchError


@dataclass(frozen=True)
class Substitution:
    """One `$(name argument argument ...)`; every argument is itself a template."""

    name: str
    arguments: tuple["Template", ...]


Template = tuple[str | Substitution, ...]
"""Text and substitutions, in the order in which they are joined."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_HOLE = "\ufffc"


def parse_template(text: str) -> Template:
    """Split a value of a launch file into text and substitutions. A backslash takes the meaning from the next character.

    Raises LaunchError for a substitution that is not closed or not named.
    """
    template, end = _parse(text, 0, "")
    assert end == len(text)
    return template


def _parse(text: str, start: int, stops: str) -> tuple[Template, int]:
    """Template from ``start`` up to (not including) the first bare character of ``stops``, or the end; and where that is."""
    fragments: list[str | Substitution] = []
    plain = ""
    position = start
    while position < len(text) and text[position] not in stops:
        if text.startswith("$(", position):
            if plain:
                fragments.append(plain)
                plain = ""
            substitution, position = _parse_substitution(text, position)
            fragments.append(substitution)
        elif text[position] == "\\" and position + 1 < len(text):
            plain += text[position + 1]
            position += 2
        else:
            plain += text[position]
            position += 1
    if plain or not fragments:
        fragments.append(plain)
    return tuple(fragments), position


def _parse_substitution(text: str, start: int) -> tuple[Substitution, int]:
    name = _NAME.match(text, start + 2)
    if name is None:
        raise LaunchError(f"$( without a name in {text!r}")
    position = name.end()
    arguments: list[Template] = []
    while position < len(text) and text[position] == " ":
        position += 1
        if position < len(text) and text[position] in "'\"":
            quote = text[position]
            argument, position = _parse(text, position + 1, quote)
            if position == len(text):
                raise LaunchError(f"a quote {quote} is not closed in {text!r}")
            position += 1
        else:
            argument, position = _parse(text, position, " )")
        arguments.append(argument)
    if position >= len(text) or text[position] != ")":
        raise LaunchError(f"$({name.group()} is not closed in {text!r}")
    return Substitution(name.group(), tuple(arguments)), position + 1


Resolve = Callable[[str, list[str]], str]
"""Gives the text of a substitution from its name and its arguments, or raises LaunchError."""


def expand(text: str, resolve: Resolve) -> str:
    """The value with every substitution replaced."""
    return _join(parse_template(text), resolve)


def _join(template: Template, resolve: Resolve) -> str:
    return "".join(part if isinstance(part, str) else _value(part, resolve) for part in template)


def _value(substitution: Substitution, resolve: Resolve) -> str:
    return resolve(substitution.name, [_join(argument, resolve) for argument in substitution.arguments])


def expand_words(text: str, resolve: Resolve) -> list[str]:
    """The value as command line words. Words are split before substitution, so that a path with spaces stays one word."""
    template = parse_template(text)
    values = iter([_value(part, resolve) for part in template if isinstance(part, Substitution)])
    words = shlex.split("".join(part if isinstance(part, str) else _HOLE for part in template))
    return [re.sub(_HOLE, lambda _: next(values), word) for word in words]
