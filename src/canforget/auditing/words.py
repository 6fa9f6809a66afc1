"""An account in words: what was audited, the verdict and how sure it is, gates, flags, then an aligned table within 100 columns."""

from collections.abc import Iterator, Sequence
from textwrap import fill

from canforget.auditing.account import AuditAccount, AuditAnswer
from canforget.auditing.standard import RECOMMENDED_RETRAINED
from canforget.report.fit_width import WIDTH, fit_table
from canforget.report.verdict import CONSISTENT, INCONCLUSIVE, POWERLESS, RESIDUAL
from canforget.report.wording import MEANING, with_names_spoken

DESIGN = {
    "coins": "each image was tossed in or out by its own coin: exact, with one model",
    "classes": "whole classes, judged beside unseen images of them: matched, not exact",
    "images": "images beside unseen ones of their classes: difficulty-calibrated, not exact",
}
TITLES = ("question", "format", "this", "retrained", "their band", "smallest", "p", "answer")
LEGEND = "their band: one more retrained model, quantized alike, lies there in 95 %. smallest: effect found four times in five. p: over all questions and formats."


def account_text(account: AuditAccount) -> str:
    """The whole account as text."""
    table = ["", *answers_table(account.answers), hanging(LEGEND)]
    return "\n".join([*map(hanging, headline(account)), *table, *map(hanging, [*doubts(account.answers), *left_open(account)])])


def hanging(line: str) -> str:
    """A line broken at the page's width, what follows further in.

    >>> hanging("  " + "word " * 25).split("\\n")[1]
    '    word word word word word word'
    """
    indent = line[: len(line) - len(line.lstrip(" "))]
    return fill(line, WIDTH, subsequent_indent=f"{indent}  ") if line.strip() else line


def headline(account: AuditAccount) -> Iterator[str]:
    """The lines in words that stand before the table."""
    version = f"{account.standard['name'].removeprefix('canforget ')}, version {account.standard['version']}"
    yield f"{version}: {account.subject}; {account.counts['forget']} images to forget ({DESIGN[account.design]})"
    yield f"VERDICT: {account.word}: {account.subject} {MEANING[account.word]}"
    yield f"  because {with_names_spoken(account.reason)}"
    yield f"  how sure: {certainty(account)}"
    if account.epsilon is not None:
        yield f"  epsilon is at least {account.epsilon:.2f} (95 %)" + ("; 0: nothing was found" if not account.epsilon else "")
    for verdict in account.formats:
        missing = "had not forgotten" if verdict.word == RESIDUAL else "not shown to have forgotten"
        had = {True: "had forgotten", False: missing, None: ""}[verdict.had_forgotten]
        open_ones = f"not asked: {', '.join(verdict.not_asked)}" if verdict.not_asked else ""
        yield f"  {verdict.format}: " + "; ".join(filter(None, [", ".join(filter(None, [verdict.word, had])), open_ones]))
    yield "gates at float32:"
    yield from (f"  {with_names_spoken(f'{name}: {figure}')}" for name, figure in account.formats[0].gates.items())
    yield "it may be wrong:" if account.raised else "no flag says that it may be wrong"
    yield from (f"  {flag.name}: {flag.said}" for flag in account.raised)


def certainty(account: AuditAccount) -> str:
    """What the verdict rests on, and what could not have been seen."""
    models, asked = account.models["retrained"], len(account.answers)
    rests = f"{models} retrained models" if account.design != "coins" or models else "one model and its coins"
    if 0 < models < RECOMMENDED_RETRAINED:
        rests += f" ({RECOMMENDED_RETRAINED} are recommended: with fewer only larger effects are found)"
    parts = [rests, f"{len([a for a in account.answers if not a.not_run])} of {asked} questions answered"]
    if account.word in (CONSISTENT, INCONCLUSIVE) and (unseen := largest_unseen(account.answers)):
        parts.append(unseen)
    if blunt := without_power(account.answers):
        parts.append(f"without power here: {', '.join(blunt)}")
    if not account.whole:
        parts.append("not whole: some questions could not be answered, see below")
    return "; ".join(parts)


def without_power(answers: Sequence[AuditAnswer]) -> list[str]:
    """The questions that could not have told the original from retraining, with their formats where it is only some of them."""
    found = []
    for name in dict.fromkeys(a.question for a in answers):
        formats = [a.format for a in answers if a.question == name and a.word == POWERLESS]
        every = len(formats) == len([a for a in answers if a.question == name])
        found += [name] if formats and every else [f"{name} ({', '.join(formats)})"] if formats else []
    return found


def largest_unseen(answers: Sequence[AuditAnswer]) -> str:
    """The largest effect that would have gone unseen, by the bluntest attack that found nothing."""
    clean = [a for a in answers if a.word in (CONSISTENT, INCONCLUSIVE) and a.detectable is not None]
    worst = max(clean, key=lambda a: a.detectable or 0.0, default=None)
    return "" if worst is None else f"an effect below {worst.detectable:.3g} may have gone unseen ({worst.question}, {worst.format})"


def answers_table(answers: Sequence[AuditAnswer]) -> list[str]:
    """The answers as rows, a question's formats one under another."""
    order = list(dict.fromkeys(a.question for a in answers))
    rows = sorted((a for a in answers if a.difference is not None), key=lambda a: order.index(a.question))
    return fit_table(TITLES, list(map(answer_row, rows)), (0, 1, 7)) if rows else ["  nothing could be compared with a null"]


def answer_row(answer: AuditAnswer) -> list[str]:
    """The cells of an answer."""
    band = f"{answer.band[0]:.3f} to {answer.band[1]:.3f}" if answer.band else "chance"
    word = answer.word.removesuffix(" with retraining")
    p = "–" if answer.p_adjusted is None or word == POWERLESS else shown_p(answer.p_adjusted)
    numbers = [f"{x:.3f}" if x is not None else "–" for x in (answer.value, answer.retrained)]
    return [answer.question, answer.format, *numbers, band, f"{answer.detectable:.3f}", p, word]


def shown_p(p: float) -> str:
    """A p-value in three places.

    >>> shown_p(0.0312), shown_p(1e-9)
    ('.031', '<.001')
    """
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def doubts(answers: Sequence[AuditAnswer]) -> Iterator[str]:
    """What figures are not, a line each, with the formats that it is said of."""
    for question, doubt in dict.fromkeys((a.question, a.doubt) for a in answers if a.doubt):
        formats = [a.format for a in answers if (a.question, a.doubt) == (question, doubt)]
        yield f"{question} ({', '.join(formats)}): {doubt}"


def left_open(account: AuditAccount) -> Iterator[str]:
    """What could not be answered and why, with the figure that there is."""
    if not account.unanswered:
        return
    yield ""
    yield "not answered:"
    yield from (f"  {line}" for line in account.unanswered)
    figures: dict[str, list[str]] = {}
    for answer in account.answers:
        if answer.not_run and answer.value is not None:
            figures.setdefault(answer.measure, []).append(f"{answer.value:.3f} {answer.format}")
    yield from (f"  figures, no findings: {measure} {', '.join(found)}" for measure, found in figures.items())
