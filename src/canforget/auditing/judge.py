"""From the values of all models to answers: difference from retraining, null band, smallest effect seen, adjusted p, and a word."""

from collections.abc import Sequence

import numpy

from canforget.auditing.account import AuditAnswer, FormatVerdict
from canforget.auditing.engine_files import beside_simulations
from canforget.auditing.measure import FormatSheets
from canforget.auditing.questions_asked import Asked, Told, ask, half_width, in_scope, known, out_of_reach, require_band, value
from canforget.auditing.standard import FEWEST_RETRAINED, QUESTIONS, UTILITY
from canforget.errors import CanforgetError, DataError, NotMeasurable
from canforget.evaluation.fieller import residue_fraction
from canforget.evaluation.moderated import Contrast, equivalence_margin, one_against_band
from canforget.evaluation.statistics import Interval, holm, prediction_interval
from canforget.report import verdict as rules
from canforget.report.measurement import Measurement
from canforget.report.verdict import CONSISTENT, INCONCLUSIVE, RESIDUAL, UTILITY_LOST, Finding, Word
from canforget.report.wording import MORE_MEMORY


def judged_formats(every: Sequence[FormatSheets], coins: bool, classes: bool) -> tuple[list[AuditAnswer], list[FormatVerdict]]:
    """The answer to every question in every format, and the verdict on each format by its gates.

    A question is first asked of the worst of all formats, each model's own, its p adjusted over the questions (Holm); an answer in one
    format counts as far as both that and its own p do. So an honest model is accused of anything in at most 5 %, however many formats.
    Only questions with power are counted there, and these are known before the subject is looked at (`powerless_question`).
    """
    there = [(s, q) for s in every for q in QUESTIONS if in_scope(q, s, coins, classes)]
    asked = [ask(q, s) for s, q in there if not out_of_reach(q, s)]
    powerless = {id(a): weak for a in asked if a.measurement is not None and (weak := powerless_question(a))}
    strong = [a for a in asked if a.measurement is not None and id(a) not in powerless]
    questions = {q.name: [a for a in strong if a.question is q] for q in QUESTIONS if any(a.question is q for a in strong)}
    worst = dict(zip(questions, holm([worst_p(group) for group in questions.values()]) if questions else (), strict=True))
    adjusted = {id(a): max(a.p, float(worst[a.question.name])) for a in strong}
    found = {id(a): powerless.get(id(a)) or finding_of(a, adjusted.get(id(a), 1.0)) for a in asked}
    answers = [filled_answer(a, found[id(a)]) for a in asked]
    verdicts = [verdict_on(s, [a for a in asked if a.sheets is s], found, len(every)) for s in every]
    missed = [tuple(q.name for s, q in there if s is sheets and out_of_reach(q, s)) for sheets in every]
    return answers, beside_simulations(every, verdicts, missed)


def powerless_question(asked: Asked) -> Finding | None:
    """That a question could not find all the memory there was, four times in five; by retrained and original models alone, or `None`."""
    made = asked.measurement
    if made is None or asked.question.kind == "exact":
        return None if made is None else rules.powerless_finding(made)
    try:
        found = one_against_band(made.retrained[0], made.retrained) if isinstance(made, Told) else original_beside(asked, made)
    except (DataError, NotMeasurable):
        return None
    if found is None:
        return None
    room = 1 - float(numpy.mean(made.retrained)) if isinstance(made, Told) else found.estimate
    if found.detectable() < room:
        return None
    why = f"the most there was to find is {room:+.3f}, and what could have been seen {found.detectable():.3g}: it decides nothing"
    return Finding(asked.question.name, rules.POWERLESS, found, 1.0, why)


def original_beside(asked: Asked, made: Measurement) -> Contrast | None:
    """The original against the band of retrained models, with its own images' error: the subject has no say in what has power."""
    original = asked.sheets.original
    if original is None or not len(made.original):
        return None
    return one_against_band(made.original[0], made.retrained, half_width(original, asked.name) / 1.96)


def worst_p(group: Sequence[Asked]) -> float:
    """p of a question over all formats: of each model's own worst value, the subject's against the retrained models'; by coins Bonferroni's."""
    if len(group) == 1 or group[0].question.kind == "exact":
        return min(1.0, len(group) * min(a.p for a in group))
    made = [a.measurement for a in group if a.measurement is not None]
    error = max(m.image_error if not isinstance(m, Told) else m.contrast.error * numpy.isinf(m.contrast.freedom) for m in made)
    found = []
    for most, side in ((max, "above"), (min, "below")):
        retrained = [most(values) for values in zip(*(m.retrained for m in made), strict=True)]
        found.append(
            one_against_band(most(m.unlearned[0] for m in made), retrained, float(error)).p("above" if side == "above" else "below")
        )
    return found[0] if group[0].question.kind == "above" else min(1.0, 2 * min(found))


DOUBTED = 0.2
"""The p after Holm below which a model outside the margins is not acquitted: of honest models four in five are, as decision 14 wants it."""


def finding_of(asked: Asked, p: float) -> Finding:
    """What an answer says, by the rules of all verdicts; of an excess of which only more than retraining counts, by its own.

    What is unlikely of an honest model, and not unlikely enough to accuse it, is neither accused nor acquitted (`DOUBTED`).
    """
    if asked.measurement is None:
        return Finding(asked.question.name, INCONCLUSIVE, None, 1.0, asked.not_run)
    above = asked.question.kind == "above"
    found = excess_finding(asked, p) if above else rules.finding(asked.measurement, p)
    if found.word == CONSISTENT and not found.reason.startswith(("within", "at most")) and p < DOUBTED:
        odd = f"{asked.measurement.difference.estimate:+.3f}, outside the band of retrained models (p {asked.p:.2g} alone, {p:.2g} among all questions)"
        return Finding(asked.question.name, INCONCLUSIVE, found.difference, p, odd)
    return found


def excess_finding(asked: Asked, p: float) -> Finding:
    """An excess over retraining: a residue, at most the margin, or within the band, if that would have seen all that there was to lose."""
    assert asked.measurement is not None
    name, found, memory = asked.question.name, asked.measurement.difference, asked.measurement.memory
    room = 1 - float(numpy.mean(asked.measurement.retrained)) if memory is None else memory.estimate
    margin, said = equivalence_margin(asked.question.margin, room), f"{found.estimate:+.3f} beyond retraining"
    if p < 0.05:
        return Finding(name, RESIDUAL, found, p, said)
    if found.upper() < margin:
        return Finding(name, CONSISTENT, found, p, f"at most {margin:.3g} beyond retraining")
    word: Word = CONSISTENT if found.detectable() < room else INCONCLUSIVE
    return Finding(name, word, found, p, f"{said}; an effect of {found.detectable():.3g} could have been seen")


def filled_answer(asked: Asked, found: Finding) -> AuditAnswer:
    """An answer with everything that a reader needs to doubt it."""
    made = asked.measurement
    if made is None:
        figure = value(asked.sheets.subject, asked.name) if known(asked.sheets.subject, asked.name) else None
        return AuditAnswer(
            asked.question.name, asked.sheets.format, asked.name, value=figure, n=images_behind(asked), word=found.word, reason=found.reason,
            not_run=asked.not_run,
        )  # fmt: skip
    exact, difference = asked.question.kind == "exact", made.difference
    return AuditAnswer(
        asked.question.name, asked.sheets.format, asked.name,
        value=float(made.unlearned[0]),
        retrained=float(numpy.mean(made.retrained)),
        band=None if exact else band_of(made.retrained),
        models=0 if exact else len(made.retrained),
        n=images_behind(asked),
        difference=difference.estimate,
        interval=difference.interval(),
        detectable=difference.detectable(),
        p=asked.p,
        p_adjusted=found.p_adjusted,
        word=found.word,
        reason=found.reason,
        doubt=doubt_of(asked),
    )  # fmt: skip


def doubt_of(asked: Asked) -> str:
    """What a probe says of its own figure, such as that it rests on bounds, for the subject or else a retrained model; or nothing."""
    name = f"{asked.name.partition('.')[0]}.measured"
    said = [str(sheet.get(name, {}).get("not_run", "")) for sheet in (asked.sheets.subject, *asked.sheets.retrained)]
    return said[0] or next((f"of a retrained model {s}" for s in said if s), "")


def band_of(retrained: Sequence[float]) -> Interval | None:
    """The band of one more retrained model."""
    return prediction_interval(retrained) if len(retrained) > 1 else None


def images_behind(asked: Asked) -> int | None:
    """The images that an answer rests on."""
    plain = asked.sheets.subject.get(asked.name if asked.question.kind != "above" else "calibrated_membership.auc", {})
    return plain.get("n")


def verdict_on(sheets: FormatSheets, asked: Sequence[Asked], found: dict[int, Finding], formats: int) -> FormatVerdict:
    """The word on one format: utility first, then the weakest answer; a test without power decides nothing where another has some."""
    gates = [utility(name, sheets, formats * len(UTILITY)) for name in UTILITY]
    said = {g.name: g.reason for g in gates}
    lost = [g for g in gates if g.word == UTILITY_LOST]
    every = [found[id(a)] for a in asked]
    telling = [f for f in every if f.word != rules.POWERLESS] or every
    deciding = lost or [*gates, *telling]
    word = rules.weakest(f.word for f in deciding)
    decisive = rules.decisive_finding(word, deciding, UTILITY)
    strong = [a.measurement for a in asked if a.measurement is not None and found[id(a)].word != rules.POWERLESS]
    share, left = memory_left(strong)
    had = None if lost else share
    said |= {"memory to lose": memory_there(sheets, strong), "had forgotten": left}
    return FormatVerdict(sheets.format, sheets.label, word, f"{decisive.name}: {decisive.reason}", said, had)


def memory_there(sheets: FormatSheets, strong: Sequence[Measurement]) -> str:
    """What there was to lose, test by test; where there was nothing that could be seen, what would help."""
    there = "; ".join(f"{m.name} {m.memory.estimate:+.3f}" for m in strong if m.memory is not None)
    if there or (sheets.original is not None and len(sheets.retrained) >= FEWEST_RETRAINED):
        return there or f"none that could be seen; {MORE_MEMORY}"
    return "not known: needs the original and three retrained models"


WIDEST_UTILITY = 0.1
"""The loss of accuracy that a band must be able to show for being inside it to count as kept."""


def utility_beside(made: Measurement, gates: int) -> Finding:
    """Utility of one model: lost where it is shown to be below by more than the margin, kept inside the band of one more retrained model.

    That it is outside is said at .05 / `gates`, for each gate in each format is a chance to say so of an honest model.
    """
    found, gate = made.difference, rules.utility_gate(made)
    if gate.word != INCONCLUSIVE or found.detectable() > WIDEST_UTILITY or found.p("below") < 0.05 / gates:
        return gate
    said = f"utility is kept: {found.estimate:+.3f} from retraining, inside its band, and not below by more than {-found.lower():.3g}"
    return Finding(made.name, CONSISTENT, found, found.p("below"), said)


def utility(name: str, sheets: FormatSheets, gates: int) -> Finding:
    """Whether the model does what it is for, beside retrained models; where there are none, how far it is from the original."""
    try:
        require_band(sheets.retrained)
        values = [value(s, name) for s in sheets.retrained]
        made = Measurement(name, [value(sheets.subject, name)], values, margin=0.02, image_error=half_width(sheets.subject, name) / 1.96)
        return utility_beside(made, gates)
    except (DataError, NotMeasurable) as why:
        there = sheets.original is not None and known(sheets.original, name) and known(sheets.subject, name)
        beside = (
            f"; {value(sheets.subject, name) - value(sheets.original, name):+.3f} from the original" if there and sheets.original else ""
        )
        return Finding(name, INCONCLUSIVE, None, 1.0, f"{why}{beside}")


def memory_left(strong: Sequence[Measurement]) -> tuple[bool | None, str]:
    """Whether at most a quarter of the memory is left by every test that has power, with the figure of the worst."""
    shares = {}
    for made in strong:
        if not isinstance(made, Told):
            try:
                shares[made.name] = residue_fraction(made.means[0], made.means[2], made.means[1])
            except (CanforgetError, IndexError):
                continue
    if not shares:
        return None, "not known: needs three retrained models, the original, and memory to lose"
    worst = max(shares, key=lambda name: shares[name].upper)
    most = f"at most {shares[worst].upper:.2f}" if numpy.isfinite(shares[worst].upper) else "without an upper bound"
    return shares[worst].upper <= rules.FORGOTTEN, f"{shares[worst].value:.2f} of the memory is left ({most}) by {worst}"
