"""The answer of an audit's page in words, its gates, and what may and may not be concluded of the one model that was audited."""

from collections.abc import Mapping
from typing import Any

from canforget.auditing.account import FormatVerdict
from canforget.auditing.audited_records import component_told, verdict_recorded
from canforget.auditing.standard import FEWEST_RETRAINED, FORMATS
from canforget.report.answer import FORGOTTEN, MEMORY, Answer, Gate, Statement, gates_of, reason
from canforget.report.record import Choice, Combination
from canforget.report.verdict import CONSISTENT, OVER_FORGOTTEN, RESIDUAL, UTILITY_LOST
from canforget.report.wording import MEANING, enumerated, with_names_spoken

Told = Mapping[str, Any]
SURE: dict[str, str] = {
    CONSISTENT: "every answer with power lies in the retrained models' band, or within the margin",
    RESIDUAL: "significant at 5 % over all questions and formats",
    OVER_FORGOTTEN: "significant at 5 % over all questions and formats",
    UTILITY_LOST: "below the retrained models' band by more than the margin",
}


def answer_told(told: Told, name: str, forgotten: str, problem: tuple[str, str, str]) -> Answer:
    """The answer: a question, a summary, and a statement a format; `forgotten` says of what data, `problem` what the page filters it by."""
    formats = told["verdict"]["formats"]
    others = [f["format"] for f in formats[1:]]
    stays = f", and does it stay forgotten in {enumerated(others)}" if others else ""
    what = f" ({forgotten})" if forgotten else ""
    question = f"Did {name} forget the {told['scope']['images']:,} images it was to forget{what}{stays}?"
    word = told["verdict"]["word"]
    said = told["said"]
    summary = f"{word}: {name} {MEANING[word]}. {said[:1].upper()}{said[1:]}. How sure: {told['how_sure']}."
    return Answer(problem, question, f"{summary[:1].upper()}{summary[1:]}", tuple(statement_told(f, told, name) for f in formats))


def statement_told(format: Told, told: Told, name: str) -> Statement:
    """What is said of one format."""
    first = told["verdict"]["formats"][0]
    plain = FormatVerdict(**first)
    verdict, before = verdict_recorded(FormatVerdict(**format), plain), verdict_recorded(plain, plain)
    choice = (
        component_told(format["label"])
        if FORMATS.get(format["format"]) == format["label"]
        else {"name": format["format"], "parameters": {}}
    )
    quantizer = Choice(format["label"], choice["name"], choice["parameters"])
    rest = Choice("", "", {})
    gates = tuple(gate_of_one(gate, told) for gate in gates_of(verdict, before, {}))
    open_ones = f"; not asked: {', '.join(format['not_asked'])}" if format["not_asked"] else ""
    sure = SURE.get(format["word"], "what could have been seen stands with each question") + open_ones
    return Statement(
        Combination(rest, rest, rest, Choice(name, name, {}), quantizer),
        name,
        format["format"],
        format["word"],
        reason(verdict),
        sure,
        gates,
    )


def gate_of_one(gate: Gate, told: Told) -> Gate:
    """A gate of a single model: without an original nothing is known of what there was to lose, nor of what is left of it."""
    if gate.name in (MEMORY, FORGOTTEN) and not told["evidence"]["models"]["original"]:
        return Gate(gate.name, "not known", "no original model was given")
    if gate.name == MEMORY and gate.said.startswith("none that"):
        return Gate(gate.name, "no", gate.said)
    return gate


def conclusions(told: Told) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What may be concluded of this one model, and what may not."""
    retrained, word = told["evidence"]["models"]["retrained"], told["verdict"]["word"]
    beside = f"beside {retrained} retrained model{'s' if retrained != 1 else ''}"
    may = [f"of this very file, {beside}: {with_names_spoken(told['said'])}"]
    if word == CONSISTENT:
        may.append("an influence larger than the sizes named would have been found four times in five; a smaller one may be there")
    may_not = ["that the method which made it forgets: that takes several seeds of it, and a study (canforget run)"]
    if retrained < FEWEST_RETRAINED and told["scope"]["design"] != "coins":
        may_not.append(f"that it forgot: nothing can be compared without {FEWEST_RETRAINED} retrained models")
    if word != CONSISTENT:
        may_not.append("that it is like a model retrained without the images")
    return tuple(may), tuple(may_not)
