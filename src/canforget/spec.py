"""Call: a component with every hyperparameter filled in and checked; and keys, the hash of everything that decided a result."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from canforget.errors import SpecError, did_you_mean, shortened
from canforget.fit_settings import Fit, too_large
from canforget.hyperparameters import Member, Word, conforming, mark_of
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

    @cached_property
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
    """The ways in which a value differs from its default, as `name=value`; of a call within, its name and what differs from *its* defaults."""
    if isinstance(value, Fit) and isinstance(default, Fit):
        for field in dataclasses.fields(Fit):
            yield from differences(f"{name}.{field.name}", getattr(default, field.name), getattr(value, field.name))
    elif isinstance(value, Call):
        if not isinstance(default, str) or value != parse(value.family, default):
            yield f"{name}={value.name}"
            for p in value.component.parameters:
                yield from differences(f"{name}.{p.name}", p.default, value[p.name])
    elif value != default:
        yield f"{name}={','.join(map(str, value)) if isinstance(value, tuple) else value}"


def to_json(value: Any) -> Any:
    """`value` in terms of JSON: calls and dataclasses as objects, tuples as lists."""
    if isinstance(value, Call):
        return value.to_json()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
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
    try:
        name, values = parse_text(given) if isinstance(given, str) else parse_table(given)
        member = find(family, name)
        return filled(member, member.parameters, values)
    except SpecError as problem:
        raise SpecError(f"{where}: {problem}" if where else str(problem)) from None


def filled(member: Component, parameters: Iterable[Parameter], values: Mapping[str, Any]) -> Call:
    """The call of a component with some values given and the defaults of `parameters` for the others; all checked, alone and together."""
    known = {p.name: p for p in parameters}
    for unknown in sorted(values.keys() - known.keys()):
        hint = did_you_mean(unknown, known) if known else "; it has none"
        raise SpecError(f"{member.name} has no hyperparameter '{shortened(unknown)}'{hint} (canforget list {member.family} {member.name})")
    pairs = tuple((name, checked_hyperparameter(member.name, p, values.get(name, p.default))) for name, p in known.items())
    call = Call(member.family, member.name, version_of(member), pairs)
    if reason := refusal_of(call):
        raise SpecError(f"{member.name}: {reason}")
    return call


def refusal_of(call: Call, **context: Any) -> str:
    """Why a call cannot be carried out, by the rules of the component and of the calls and fits within it, or nothing.

    `context` is what is known of the case: `image_shape` (channels, height, width), `num_classes`. A rule that asks for what is not known
    is not asked.
    """
    if call.component.rule is not None and (reason := call.component.rule.reason(call.arguments() | context)):
        return reason
    for name, value in call.parameters:
        if isinstance(value, Fit) and "image_shape" in context and (reason := too_large(value, context["image_shape"])):
            return f"{name}.{reason}"
        if isinstance(value, Call) and (reason := refusal_of(value, **context)):
            return f"{name}: {reason}"
    return ""


def format_refusal(probe: Call, quantizer: Call) -> str:
    """Why a probe cannot be asked of models in a format, or nothing.

    >>> format_refusal(parse("probes", "code_flips"), parse("quantizers", "int:bits=4"))
    ''
    """
    return refusal_of(probe, quantizer=quantizer.arguments() | {"name": quantizer.name, "label": quantizer.label})


def require_sound(call: Call, **context: Any) -> None:
    """Raises `SpecError` when a call cannot be carried out on such images."""
    if reason := refusal_of(call, **context):
        raise SpecError(f"{call.label}: {reason}")


def version_of(member: Component) -> str:
    """What tells one meaning of a component from another: its declared version; for a file from outside, its syntax tree as well."""
    return f"{member.version}" if not member.module.startswith("plugin:") else f"{member.version}+{member.fingerprint[:16]}"


def parse_table(given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and values of a table such as {name = "int", bits = 4}."""
    if not isinstance(given, Mapping) or not isinstance(given.get("name"), str):
        raise SpecError(f'{shortened(repr(given))}: write a name, or a table with a name, as in {{name = "int", bits = 4}}')
    return given["name"], {k: v for k, v in given.items() if k != "name"}


def parse_text(text: str) -> tuple[str, dict[str, Any]]:
    """Name and values of a line such as `salun:keep=0.3,fit.epochs=3` or `whole_class:classes=cat,dog`.

    >>> parse_text("ste:base=npo,base.fit.epochs=2")
    ('ste', {'base': {'name': 'npo', 'fit': {'epochs': '2'}}})
    """
    name, _, tail = text.partition(":")
    if name.endswith(".py"):  # my_net.py:Net or my_net.py:Net:width=3
        member, _, tail = tail.partition(":")
        name = f"{name}:{member}"
    return name, parse_settings(tail, text)


def parse_settings(tail: str, text: str) -> dict[str, Any]:
    """The values of `epochs=3,lr=0.1`: a piece without a sign goes on with the value before it."""
    found: dict[str, str] = {}
    last = ""
    for piece in tail.split(",") if tail.strip() else ():
        key, sign, value = piece.partition("=")
        key = key.strip()
        if not sign and last:
            found[last] += f",{piece}"
        elif not key or not sign:
            raise SpecError(f"{shortened(text)}: write hyperparameters as name=value, as in int:bits=4")
        elif key in found:
            raise SpecError(f"{shortened(text)}: '{shortened(key)}' is given twice; give it once")
        else:
            found[last := key] = value
    values: dict[str, Any] = {}
    for key, value in found.items():
        set_nested(values, key, Word(value.strip()), text)
    return values


def set_nested(values: dict[str, Any], key: str, value: Any, text: str) -> None:
    """Sets `key`, going into a nested table where it holds a dot; a word that stands where a table is becomes its name, and the reverse."""
    head, dot, tail = key.partition(".")
    held = values.get(head)
    if not dot:
        values[head] = held | {"name": value} if isinstance(held, dict) else value
    elif not head or not tail:
        raise SpecError(f"{shortened(text)}: '{shortened(key)}' names nothing; write it as in fit.epochs=3")
    else:
        table = held if isinstance(held, dict) else {} if held is None else {"name": held}
        values[head] = table
        set_nested(table, tail, value, text)


def checked_hyperparameter(name: str, parameter: Parameter, value: Any) -> Any:
    """`value` if it is of the hyperparameter's type and in its range."""
    where = f"{name}.{parameter.name}"
    if value is Parameter.required:
        raise SpecError(f"{name}: '{parameter.name}' is required ({parameter.annotation}); write {name}:{parameter.name}=...")
    if mark := mark_of(parameter.type, Member):
        return nested_call(mark, value, where, parameter.default)
    if parameter.type is Fit:
        return fit_of(value, parameter.default if isinstance(parameter.default, Fit) else Fit(), where)
    return conforming(parameter.type, value, where)


def nested_call(mark: Member, given: Any, where: str, default: Any = Parameter.required) -> Call:
    """The call that a hyperparameter holds: named by a line or a table, or the default's with some hyperparameters changed."""
    try:
        if isinstance(given, Call):
            call = given
        elif isinstance(given, Mapping) and {"family", "parameters"} <= given.keys():
            call = call_of(given)
        elif isinstance(given, Mapping) and "name" not in given and default is not Parameter.required:
            usual = parse(mark.family, default)
            call = filled(usual.component, [replace(p, default=usual[p.name]) for p in usual.component.parameters], given)
        else:
            call = parse(mark.family, given)
        member = call.component
        if call.family != mark.family or any(map(member.traits.get, mark.barred)) or set(mark.takes) - {p.name for p in member.parameters}:
            raise SpecError(f"'{call.name}' {mark.otherwise}")
    except SpecError as problem:
        raise SpecError(f"{where}: {problem}") from None
    return call


def fit_of(values: Mapping[str, Any] | Fit, default: Fit, where: str = "fit") -> Fit:
    """`default` with the named fields changed, each checked."""
    if isinstance(values, Fit):
        return values
    if not isinstance(values, Mapping):
        raise SpecError(
            f"{where}: {shortened(repr(values))}: write the fields to change, as in {{epochs = 5, lr = 0.1}}, or fit.epochs=5 on the command line"
        )
    fields = [f.name for f in dataclasses.fields(Fit)]
    for unknown in sorted(values.keys() - set(fields)):
        raise SpecError(f"{where} has no field '{shortened(unknown)}'{did_you_mean(unknown, fields)}")
    try:
        return replace(default, **values)
    except SpecError as problem:
        raise SpecError(f"{where}{str(problem).removeprefix('fit')}") from None


def canonical(content: Any) -> str:
    """The one JSON text of `content`: sorted, without spaces, never NaN."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def key_of(verb: str, **content: Any) -> str:
    """SHA-256 of a verb and everything that decides its result: never a device, a path, or a number of workers.

    >>> key_of("train", seed=0) == key_of("train", seed=0) != key_of("train", seed=1)
    True
    """
    return hashlib.sha256(canonical({"verb": verb, **content}).encode()).hexdigest()
