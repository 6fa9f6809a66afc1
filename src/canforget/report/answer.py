"""The answer in words: per unlearner and format whether it forgot, whether it stays forgotten, and how sure that is, from records alone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from canforget.report.record import Combination, Groups, Record, RecordedVerdict, over_seeds
from canforget.report.recovery_over_seeds import Recovery, recoveries
from canforget.report.verdict import CANNOT_ACQUIT, CONSISTENT, INCONCLUSIVE, OVER_FORGOTTEN, POWERLESS, RESIDUAL, UTILITY_LOST
from canforget.report.wording import MEANING, MORE_MEMORY, VALUE_WORDS, enumerated, format_name, plural, unlearner_name, with_names_spoken

State = Literal["yes", "no", "not known", "not asked"]
MEMORY, UTILITY, FORGOTTEN, RECOVERY = "memory to lose", "utility", "had forgotten", "recovery"
KEPT, LOST = "utility is kept", "utility is lost"
RECOVERY_MEASURES = ("margin", "auc")
"""What is asked of rounding: the margin of the true class on the forget set, and whether it can be told from unseen images."""


@dataclass(frozen=True)
class Gate:
    """A question that comes before the verdict, its answer, and the figure it rests on; `found` for a recovery means that one was seen."""

    name: str
    state: State
    said: str


@dataclass(frozen=True)
class Statement:
    """What is to be said of an unlearner in a format: the word, why, the gates, and how sure it is."""

    combination: Combination
    unlearner: str
    format: str
    word: str
    because: str
    sure: str
    gates: tuple[Gate, ...] = ()
    control: bool = False

    @property
    def sentence(self) -> str:
        """Who, in which format, what, and why."""
        return f"{self.unlearner} at {self.format} {MEANING.get(self.word, self.word)}: {self.because}"

    def gate(self, name: str) -> Gate | None:
        """A gate by its name, if it was asked."""
        return next((g for g in self.gates if g.name == name), None)


@dataclass(frozen=True)
class Answer:
    """The question of one data set, model and scenario, the answer in two or three sentences, and a statement an unlearner and format."""

    problem: tuple[str, str, str]
    question: str
    summary: str
    statements: tuple[Statement, ...]

    def by_unlearner(self) -> dict[str, list[Statement]]:
        """The statements of each unlearner, format by format; controls last."""
        found: dict[str, list[Statement]] = {}
        for said in sorted(self.statements, key=lambda s: s.control):
            found.setdefault(said.unlearner, []).append(said)
        return found

    def formats(self) -> list[str]:
        """The formats that anything is said of, in their order."""
        return list(dict.fromkeys(s.format for s in self.statements))

    def lines(self) -> list[str]:
        """The summary, then a line an unlearner: formats of one verdict together, with the reason at the first of them."""
        return [self.summary, *(f"  {name}: {spoken(said)}" for name, said in self.by_unlearner().items() if not said[0].control)]


def answers(records: Iterable[Record]) -> list[Answer]:
    """The answer of every data set, model and scenario; `records` hold their verdicts (`with_verdicts`), several seeds a combination."""
    every = list(records)
    groups = over_seeds(every)
    recovered = recovery_rows(every)
    problems = dict.fromkeys(c.problem for c in groups)
    return [answer_of(problem, {c: g for c, g in groups.items() if c.problem == problem}, recovered) for problem in problems]


def recovery_rows(records: Sequence[Record]) -> dict[tuple[tuple[str, ...], str], dict[str, Recovery]]:
    """What may be said of recovery: by problem, unlearner and format, a row a measure."""
    found: dict[tuple[tuple[str, ...], str], dict[str, Recovery]] = {}
    problems = list(dict.fromkeys(c.problem for c in over_seeds(records) if not c.reference))
    for measure in RECOVERY_MEASURES:
        for problem, block in zip(problems, recoveries(records, measure, with_trends=False), strict=True):
            for row in block.rows:
                found.setdefault(((*problem, row.unlearner), row.quantizer), {})[measure] = row
    return found


def answer_of(
    problem: tuple[str, str, str], groups: Groups, recovered: Mapping[tuple[tuple[str, ...], str], Mapping[str, Recovery]]
) -> Answer:
    """The answer of one problem."""
    plain = {c.unlearner: g[0].verdict for c, g in groups.items() if not c.rounded}
    statements = []
    for combination, group in groups.items():
        if not combination.reference:
            rows = recovered.get(((*problem, combination.unlearner.label), combination.quantizer.label), {})
            statements.append(statement(combination, group, plain.get(combination.unlearner), rows))
    formats = list(dict.fromkeys(format_name(c.quantizer) for c in groups if c.rounded))
    return Answer(problem, question(problem, formats), summary(statements), tuple(statements))


def question(problem: tuple[str, str, str], formats: Sequence[str]) -> str:
    """What was asked.

    >>> question(("digits", "tiny_cnn", "whole_class:classes=3"), ["int8", "int4"])
    'Did tiny_cnn forget whole_class:classes=3 of digits, and does it stay forgotten at int8 and int4?'
    """
    stays = f", and does it stay forgotten at {enumerated(formats)}" if formats else ""
    return f"Did {problem[1]} forget {problem[2]} of {problem[0]}{stays}?"


def statement(combination: Combination, group: Sequence[Record], before: RecordedVerdict | None, rows: Mapping[str, Recovery]) -> Statement:
    """What is to be said of one combination; `before` is the verdict of the same models before rounding."""
    names = unlearner_name(combination.unlearner), format_name(combination.quantizer)
    broken = next((r for r in group if r.not_run), None)
    verdict = group[0].verdict
    if broken is not None:
        return Statement(
            combination, *names, "not run", f"seed {broken.case.seed}: {broken.not_run}", "nothing is known", (), combination.control
        )
    if verdict is None:
        return Statement(
            combination, *names, "no verdict", "the record was made without judging", "nothing is known", (), combination.control
        )
    gates = gates_of(verdict, before, rows)
    return Statement(combination, *names, verdict.word, reason(verdict), how_sure(verdict), gates, combination.control)


def reason(verdict: RecordedVerdict) -> str:
    """The test that decided and its sentence, in words."""
    test = "" if verdict.test == "cases" else f"{VALUE_WORDS.get(verdict.test, verdict.test)}: "
    return f"{test}{with_names_spoken(verdict.reason).removeprefix(f'{LOST}: ')}"


def how_sure(verdict: RecordedVerdict) -> str:
    """What the verdict rests on, and what it cannot say."""
    seeds = f"{verdict.seeds} seed{'s' if verdict.seeds > 1 else ''}"
    one = "; one seed says nothing of the next" if verdict.seeds == 1 else ""
    limits: dict[str, str] = {
        CONSISTENT: "by two one-sided 95 % tests within the margin",
        RESIDUAL: "significant at 5 % after Holm",
        OVER_FORGOTTEN: "significant at 5 % after Holm",
        UTILITY_LOST: "by a one-sided 95 % bound",
        INCONCLUSIVE: "more seeds would narrow it",
        POWERLESS: f"these tests cannot tell original from retrained models here: {MORE_MEMORY}",
    }
    aside = with_names_spoken(verdict.gates.get(CANNOT_ACQUIT, ""))
    weak = f"; at so few seeds others could only have accused, and did not ({aside})" if aside and verdict.word == CONSISTENT else ""
    return f"{seeds}; {limits.get(verdict.word, '')}{weak}{one}".removesuffix("; ")


def gates_of(verdict: RecordedVerdict, before: RecordedVerdict | None, rows: Mapping[str, Recovery]) -> tuple[Gate, ...]:
    """Memory to lose, utility, had forgotten and, in a format, recovery: each with its figure."""
    gates = (memory_gate(verdict), utility_gate_said(verdict), forgotten_gate(verdict, before))
    return (*gates, recovery_gate(rows)) if any(row.says != "before rounding" for row in rows.values()) else gates


def memory_gate(verdict: RecordedVerdict) -> Gate:
    """Whether original and retrained models could be told apart."""
    said = verdict.gates.get(MEMORY, "")
    if not said:
        return Gate(MEMORY, "not asked", "utility decided first" if verdict.word == UTILITY_LOST else "not recorded")
    if said == "not known":
        return Gate(MEMORY, "not known", "needs two seeds of original and retrained models")
    there = any(not part.startswith("none by ") for part in said.split("; "))
    return Gate(MEMORY, "yes", with_names_spoken(said)) if there else Gate(MEMORY, "no", f"{with_names_spoken(said)}; {MORE_MEMORY}")


def utility_gate_said(verdict: RecordedVerdict) -> Gate:
    """Whether the model still does what it is for."""
    parts = {name: said for name, said in verdict.gates.items() if name not in (MEMORY, FORGOTTEN, CANNOT_ACQUIT)}
    if not parts:
        return Gate(UTILITY, "not known", "not recorded")
    state: State = "not known"
    if any(said.startswith(LOST) for said in parts.values()):
        state = "no"
    elif all(said.startswith(KEPT) for said in parts.values()):
        state = "yes"
    return Gate(UTILITY, state, "; ".join(f"{VALUE_WORDS.get(n, n)}: {said}" for n, said in parts.items()))


def forgotten_gate(verdict: RecordedVerdict, before: RecordedVerdict | None) -> Gate:
    """Whether at most a quarter of the memory was left before rounding."""
    said = with_names_spoken((before or verdict).gates.get(FORGOTTEN, ""))
    if verdict.had_forgotten is None:
        return Gate(FORGOTTEN, "not known", said or "not asked of a model without use")
    return Gate(FORGOTTEN, "yes" if verdict.had_forgotten else "no", said or "not recorded")


def recovery_gate(rows: Mapping[str, Recovery]) -> Gate:
    """Whether rounding brings it back: yes where a measure says so after Holm; no only where it was asked."""
    parts = "; ".join(f"{measure}: {row.says}" for measure, row in rows.items())
    if any(row.claimed for row in rows.values()):
        return Gate(RECOVERY, "yes", parts)
    return Gate(RECOVERY, "no" if any(row.tested for row in rows.values()) else "not asked", parts)


def summary(statements: Sequence[Statement]) -> str:
    """Two or three sentences: what may be said at full precision, in formats, and of recovery."""
    own = [s for s in statements if not s.control]
    if not own:
        return "No unlearner was run, so nothing is said of forgetting."
    plain = [s for s in own if not s.combination.rounded]
    rounded = [s for s in own if s.combination.rounded]
    said = [
        verdicts_counted(plain, "Before rounding") if plain else "",
        verdicts_counted(rounded, "Rounded") if rounded else "",
        nothing_to_lose(own),
        recovery_said(rounded),
    ]
    return " ".join(s for s in said if s)


def verdicts_counted(statements: Sequence[Statement], when: str) -> str:
    """How many of the statements say what, the good ones by name."""
    words = Counter(s.word for s in statements)
    one = "unlearned model" if when == "Before rounding" else "unlearned model and format"
    good = [f"{s.unlearner}{f' at {s.format}' if s.combination.rounded else ''}" for s in statements if s.word == CONSISTENT]
    if good:
        named = f": {enumerated(good)}" if len(good) <= 4 else ""
        head = f"{len(good)} of {plural(len(statements), one)} {'is' if len(good) == 1 else 'are'} {CONSISTENT}{named}"
    else:
        head = f"none of {plural(len(statements), one)} is {CONSISTENT}"
    others = [f"{number} {word}" for word, number in words.most_common() if word != CONSISTENT]
    rest = enumerated(others) if others else ""
    return f"{when}, {head}{f' ({rest})' if rest else ''}."


def nothing_to_lose(statements: Sequence[Statement]) -> str:
    """What to do where there was nothing to forget that could be seen; nothing where there was."""
    formats = list(dict.fromkeys(s.format for s in statements if s.word == POWERLESS))
    return f"At {enumerated(formats)} there was too little memory to lose: {MORE_MEMORY}." if formats else ""


def recovery_said(rounded: Sequence[Statement]) -> str:
    """What may be said of recovery over all formats."""
    gates = [(s, g) for s in rounded for g in s.gates if g.name == RECOVERY]
    back = [f"{s.unlearner} at {s.format}" for s, g in gates if g.state == "yes"]
    asked = sum(g.state in ("yes", "no") for _, g in gates)
    if back:
        return f"Rounding brings the forgotten back in {len(back)} of {asked} cases asked: {enumerated(back)}."
    if asked:
        return f"Rounding brought nothing back that was detected, in {plural(asked, 'case')} asked."
    return "Whether rounding brings it back could not be asked: no case passed the gates." if gates else ""


def spoken(statements: Sequence[Statement]) -> str:
    """The statements of one unlearner in one line, formats of one verdict together."""
    formats: dict[str, list[Statement]] = {}
    for said in statements:
        formats.setdefault(said.word, []).append(said)
    parts = []
    for word, same in formats.items():
        parts.append(f"{word} at {enumerated([s.format for s in same])} ({same[0].because})")
    return "; ".join(parts)
