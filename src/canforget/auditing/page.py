"""The page of an audit, and that of a certificate: one machinery, which says in words what the record holds, failures first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from canforget.auditing.page_answer import answer_told, conclusions
from canforget.auditing.saved_audit import SavedAudit
from canforget.auditing.standard import QUESTIONS, Question, Scope
from canforget.auditing.words import shown_p
from canforget.report.page.audit_view import AuditView, Rows
from canforget.report.page.build import PageText, page_html
from canforget.report.record import Record, put_together
from canforget.report.verdict import POWERLESS
from canforget.report.wording import enumerated

WHY_NOT: dict[Scope, str] = {
    "classes": "asked only where whole classes are forgotten",
    "coins": "asked only where each image was tossed in or out by its own coin",
    "rounded": "asked only of formats that round",
    "always": "what an engine runs shows no features, weights or gradients",
}
"""Why a question of a scope was not asked; `always` is what is left: a white box's question of an engine."""
NO_PROBLEM = ("", "", "")
FROM_PYTHON = "canforget.audit(...), from Python"
Told = Mapping[str, Any]


def certificate_page(predicate: Told, subjects: Sequence[Told]) -> str:
    """The page of a certificate: the same predicate gives the same page; no path, no score, no id of an image."""
    title = f"Audit of unlearning: {predicate['verdict']['word']}"
    lead = "This page is for reading; what counts is the signed file beside it, which canforget verify checks."
    return page_html((), PageText(title, lead=lead), [audit_view(predicate, subjects, "the model", ())])


def audits_page(saved: Sequence[SavedAudit], about: PageText, predicates: Sequence[Told]) -> str:
    """The page of audits; `predicates` hold the same as a certificate would say. Figures are drawn where there is one audit with records."""
    views = [
        audit_view(predicate, [], audit.account.subject, made_facts(audit), asked_of(audit), problem_audited(audit), audited_files(audit))
        for audit, predicate in zip(saved, predicates, strict=True)
    ]
    return page_html(records_of_page(saved), about, views)


def records_of_page(saved: Sequence[SavedAudit]) -> list[Record]:
    """The records of all audits; raises `SpecError` where two hold one case otherwise."""
    return put_together([(audit.account.subject, [made_by(r, audit.made.command) for r in audit.account.records]) for audit in saved])


def made_by(record: Record, command: str) -> Record:
    """A record that says by which command it was made."""
    return replace(record, conditions=record.conditions | {"command": command or FROM_PYTHON})


def problem_audited(audit: SavedAudit) -> tuple[str, str, str]:
    """Data set, model and scenario of an audit, as its records name them."""
    case = next((r.case for r in audit.account.records), None)
    return (case.dataset, case.model, case.scenario) if case else NO_PROBLEM


def audit_view(
    told: Told, subjects: Sequence[Told], name: str, facts: Sequence[tuple[str, str]], forgotten: str = "",
    problem: tuple[str, str, str] = NO_PROBLEM, files: Rows = (),
) -> AuditView:  # fmt: skip
    """What is shown of a predicate: of a certificate's, or of what one would say."""
    evidence, scope = told["evidence"], told["scope"]
    speaks_of = [("audited", s["name"], s["digest"]["sha256"]) for s in subjects]
    speaks_of += [(f["role"], f["name"], f["sha256"]) for f in evidence["files"]]
    identity = [("scope, salted Merkle root", scope["root"])] if scope["root"] else []
    identity += [("made", told["made"])] if told["made"] else []
    may, may_not = conclusions(told)
    return AuditView(
        title=name,
        answer=answer_told(told, name, forgotten or evidence["dataset"], problem),
        failures=tuple(told["failures"]),
        may=may,
        may_not=may_not,
        limits=tuple(told["limits"]),
        questions=tuple(question_row(t) for q in asked_questions(told) for t in told["tests"] if t["question"] == q.name),
        asks=tuple((q.name, q.asks, q.attack) for q in asked_questions(told)),
        not_asked=tuple(unasked_questions(told)),
        changes=tuple(
            (c["question"], c["format"], three_places(c["difference"]), interval(c["interval"])) for c in told["changes_by_rounding"]
        ),
        flags=(*((f["name"], f["raised"], f["said"]) for f in told["flags"]), calibration_flag(told["calibration"])),
        threats=tuple(told["threat_model"]["attackers"]),
        policies=tuple(sorted(told["owasp_aisvs_c12_2"].items())),
        files=(*speaks_of, *files, ("images", "all of the split, in the order of their ids", evidence["images_sha256"])),
        facts=(*facts, *identity, *conditions_told(told)),
    )


def asked_questions(told: Told) -> list[Question]:
    """The questions of the standard that were asked, in their order."""
    names = {t["question"] for t in told["tests"]}
    return [q for q in QUESTIONS if q.name in names]


def question_row(test: Told) -> tuple[str, ...]:
    """The cells of an answer, the third its word, or why there is none."""
    band = interval(test["band"]) if test["band"] else "chance" if test["difference"] is not None else "–"
    return (
        test["question"], test["format"], answer_in_words(test), three_places(test["value"]),
        three_places(test["retrained"]), band, three_places(test["difference"], sign="+"), interval(test["interval"]), three_places(test["detectable"]),
        p_in_words(test), str(test["models"] or "–"), f"{test['n']:,}" if test["n"] else "–",
    )  # fmt: skip


def p_in_words(test: Told) -> str:
    """The adjusted p of an answer; a dash where there is none, or no power."""
    return "–" if test["p_adjusted"] is None or test["word"] == POWERLESS else shown_p(test["p_adjusted"])


def answer_in_words(test: Told) -> str:
    """The word of an answer with what the figure is not, or why there is none."""
    return f"not answered: {test['not_run']}" if test["not_run"] else "; ".join(filter(None, [test["word"], test.get("doubt", "")]))


def three_places(value: float | None, sign: str = "") -> str:
    """A number in three places; a dash where there is none.

    >>> three_places(0.12345), three_places(0.5, sign="+"), three_places(None)
    ('0.123', '+0.500', '–')
    """
    return "–" if value is None else f"{value:{sign}.3f}"


def interval(ends: Sequence[float] | None) -> str:
    """Both ends in three places.

    >>> interval((0.1, 0.25)), interval(None)
    ('0.100 to 0.250', '–')
    """
    return "–" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"


def unasked_questions(told: Told) -> Iterable[tuple[str, str, str]]:
    """The questions of the standard that were not asked at all or not in every format: question, formats, why."""
    formats = [f["format"] for f in told["verdict"]["formats"]]
    for question in QUESTIONS:
        missing = [f for f in formats if not any((t["question"], t["format"]) == (question.name, f) for t in told["tests"])]
        if missing:
            of_engine = question.white_box and len(missing) < len(formats)
            yield question.name, enumerated(missing), WHY_NOT["always" if of_engine else question.scope]


def calibration_flag(calibration: Told) -> tuple[str, bool, str]:
    """Whether a quantizer was calibrated on what was to be forgotten."""
    shared = calibration["shared with the forget set"]
    return "calibrated on forgotten images", bool(shared), f"{shared} of {calibration['images']} calibration images are of the forget set"


def conditions_told(told: Told) -> list[tuple[str, str]]:
    """Under which conditions the audit was made."""
    counts, models = told["evidence"]["counts"], told["evidence"]["models"]
    standard = told["standard"]
    found = [
        ("standard", f"{standard['name']}, version {standard['version']}, {standard['digest'][:12]}"),
        ("images", ", ".join(f"{name} {count:,}" for name, count in counts.items())),
        ("models beside it", ", ".join(f"{name} {count}" for name, count in models.items())),
        ("versions", ", ".join(f"{name} {version}" for name, version in told["versions"].items())),
        ("predictions, SHA-256", ", ".join(f"{format} {digest[:12]}" for format, digest in told["evidence"]["predictions_sha256"].items())),
    ]
    return [(name, text) for name, text in found if text]


def asked_of(audit: SavedAudit) -> str:
    """Scenario and data set as the audit was told them."""
    data = audit.account.data
    return f"{data['scenario']} of {data['dataset']}" if data.get("scenario") and data.get("dataset") else data.get("dataset", "")


def audited_files(audit: SavedAudit) -> Rows:
    """The files of an audit."""
    return tuple((f.role, f.file, f.sha256) for f in audit.made.files)


def made_facts(audit: SavedAudit) -> tuple[tuple[str, str], ...]:
    """How an audit was made: its command, its certificate, its seconds."""
    certificate = ", ".join(f"{name} {value}" for name, value in audit.made.certificate.items())
    check = "; canforget verify checks it with the auditor's public key" if certificate else ""
    found = (
        ("command", audit.made.command),
        ("certificate", f"{certificate}{check}" if certificate else "none was signed"),
        ("seconds", f"{audit.account.seconds:,.1f}"),
    )
    return tuple((name, text) for name, text in found if text)
