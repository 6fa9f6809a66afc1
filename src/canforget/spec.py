"""Call: a component with every hyperparameter filled in and checked; and keys, the hash of everything that decided a result."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from canforget.errors import SpecError, did_you_mean
from canforget.fit_settings import Fit
from canforget.registry import Component, Parameter, find

Given = str | Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """A component and the value of every hyperparameter, defaults filled in: what is hashed, recorded and carried out."""

    family: str
    name: str
    version: str
    parameters: tuple[tuple[str, Any], ...]

    def __getitem__(self, parameter: str) -> Any:
        return dict(self.parameters)[parameter]

    @property
    def component(self) -> Component:
        """The component itself."""
        return find(self.family, self.name)

    @property
    def label(self) -> str:
        """The name with the hyperparameters that differ from their defaults (or that the component always shows), as one would write it.

        >>> parse("quantizers", "int").label, parse("unlearners", "scrub:alpha=0.5").label
        ('int:bits=8', 'scrub:alpha=0.5')
        """
        shown = self.component.traits.get("shown", ())
        changed = [t for p in self.component.parameters for t in differences(p.name, None if p.name in shown else p.default, self[p.name])]
        return f"{self.name}:{','.join(changed)}" if changed else self.name

    def to_json(self) -> dict[str, Any]:
        """The call as JSON holds it."""
        return {
            "family": self.family,
            "name": self.name,
            "version": self.version,
            "parameters": {k: to_json(v) for k, v in self.parameters},
        }

    def arguments(self) -> dict[str, Any]:
        """The hyperparameters as keyword arguments."""
        return dict(self.parameters)


def differences(name: str, default: Any, value: Any) -> Iterator[str]:
    """The ways in which a value differs from its default, as `name=value`."""
    if isinstance(value, Fit) and isinstance(default, Fit):
        for field in dataclasses.fields(Fit):
            yield from differences(f"{name}.{field.name}", getattr(default, field.name), getattr(value, field.name))
    elif value != default:
        yield f"{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}"


def to_json(value: Any) -> Any:
    """`value` in terms of JSON: dataclasses as objects, tuples as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {k: to_json(v) for k, v in dataclasses.asdict(value).items()}
    return [to_json(v) for v in value] if isinstance(value, tuple | list) else value


def call_of(stored: Mapping[str, Any]) -> Call:
    """The call that `Call.to_json` wrote."""
    return parse(stored["family"], {"name": stored["name"], **stored["parameters"]})


def parse(family: str, given: Given, where: str = "") -> Call:
    """Returns the call that a study, a flag or a dict means; raises `SpecError` naming the place, with a suggestion.

    >>> parse("unlearners", "scrub:alpha=0.01,fit.epochs=2")["fit"].epochs
    2
    >>> parse("unlearners", {"name": "scrub", "alhpa": 1})
    Traceback (most recent call last):
    canforget.errors.SpecError: scrub has no hyperparameter 'alhpa'; did you mean 'alpha'? (canforget list unlearners scrub)
    """
    place = f"{where}: " if where else ""
    try:
        name, values = parse_text(given) if isinstance(given, str) else parse_table(given)
        member = find(family, name)
        for unknown in values.keys() - {p.name for p in member.parameters}:
            hint = did_you_mean(unknown, [p.name for p in member.parameters])
            raise SpecError(f"{name} has no hyperparameter '{unknown}'{hint} (canforget list {family} {name})")
        filled = tuple((p.name, checked(name, p, values.get(p.name, p.default))) for p in member.parameters)
    except SpecError as problem:
        raise SpecError(f"{place}{problem}") from None
    return Call(family, name, version_of(member), filled)


def version_of(member: Component) -> str:
    """What tells one meaning of a component from another: its declared version; for a file from outside, its syntax tree as well."""
    return f"{member.version}" if not member.module.startswith("plugin:") else f"{member.version}+{member.fingerprint[:16]}"


def parse_table(given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and values of a table such as {name = "int", bits = 4}."""
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise SpecError(f'{given!r}: write a name, or a table with a name, as in {{name = "int", bits = 4}}')
    return given["name"], {k: v for k, v in given.items() if k != "name"}


def parse_text(text: str) -> tuple[str, dict[str, Any]]:
    """Name and values of a line such as `salun:keep=0.3,fit.epochs=3` or `whole_class:classes=cat,dog`."""
    name, _, tail = text.partition(":")
    if name.endswith(".py"):  # my_net.py:Net or my_net.py:Net:width=3
        member, _, tail = tail.partition(":")
        name = f"{name}:{member}"
    values: dict[str, Any] = {}
    last = None
    for piece in filter(None, tail.split(",")):
        key, sign, value = piece.partition("=")
        if sign:
            last = key.strip()
            set_nested(values, last, scalar(value))
        elif last is None:
            raise SpecError(f"{text}: write hyperparameters as name=value, as in int:bits=4")
        else:
            before = values[last] if isinstance(values[last], list) else [values[last]]
            values[last] = [*before, scalar(piece)]
    return name, values


def set_nested(values: dict[str, Any], key: str, value: Any) -> None:
    """Sets `key`, going into a nested table where it holds a dot."""
    head, dot, tail = key.partition(".")
    if dot:
        values.setdefault(head, {})[tail] = value
    else:
        values[key] = value


def scalar(text: str) -> Any:
    """A word from a command line as a number, truth value or text.

    >>> [scalar(t) for t in ("3", "1e-3", "true", "cat")]
    [3, 0.001, True, 'cat']
    """
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def checked(name: str, parameter: Parameter, value: Any) -> Any:
    """`value` if it is of the hyperparameter's type; strict, so that true is not 1 and "3" is not 3."""
    if value is Parameter.required:
        raise SpecError(f"{name}: '{parameter.name}' is required ({parameter.annotation}); write {name}:{parameter.name}=...")
    if parameter.type is Fit and isinstance(value, Mapping):
        return fit_of(value, parameter.default if isinstance(parameter.default, Fit) else Fit(), f"{name}.{parameter.name}")
    return validated(parameter.type, value, f"{name}.{parameter.name}", parameter.annotation)


def fit_of(values: Mapping[str, Any], default: Fit, where: str = "fit") -> Fit:
    """`default` with the named fields changed, each checked."""
    fields = {f.name: f for f in dataclasses.fields(Fit)}
    for unknown in values.keys() - fields.keys():
        raise SpecError(f"{where} has no field '{unknown}'{did_you_mean(unknown, fields)}")
    return replace(default, **{k: validated(fields[k].type, v, f"{where}.{k}", str(fields[k].type)) for k, v in values.items()})


@cache
def adapter(kind: Any) -> Any:
    """A strict validator of a type."""
    from pydantic import ConfigDict, TypeAdapter

    if dataclasses.is_dataclass(kind):
        return TypeAdapter(kind)
    return TypeAdapter(kind, config=ConfigDict(strict=True, allow_inf_nan=False))


def validated(kind: Any, value: Any, where: str, wanted: str) -> Any:
    """`value` as `kind`, or a `SpecError` that shows both."""
    from pydantic import ValidationError

    if kind is None:
        return value
    if isinstance(value, list):
        value = tuple(value)
    elif "tuple" in wanted and not isinstance(value, tuple) and value is not None:
        value = (value,)
    try:
        return adapter(kind).validate_python(value)
    except ValidationError as problem:
        wanted = wanted if not isinstance(kind, type) else kind.__name__
        raise SpecError(f"{where}: {value!r} is not {wanted} ({problem.errors()[0]['msg'].lower()})") from None


def canonical(content: Any) -> str:
    """The one JSON text of `content`: sorted, without spaces, never NaN."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def key_of(verb: str, **content: Any) -> str:
    """SHA-256 of a verb and everything that decides its result: never a device, a path, or a number of workers.

    >>> key_of("train", seed=0) == key_of("train", seed=0) != key_of("train", seed=1)
    True
    """
    return hashlib.sha256(canonical({"verb": verb, **content}).encode()).hexdigest()
