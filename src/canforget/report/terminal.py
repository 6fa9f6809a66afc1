"""What a terminal shows of records: the question and the answer in words, the table, whether controls behaved and noise is a null."""

from collections.abc import Sequence

from canforget.report.answer import Answer, answers
from canforget.report.controls import ControlOutcome, controls_text
from canforget.report.fit_width import paragraph
from canforget.report.record import Record
from canforget.report.recovery_gates import noise_checks
from canforget.report.table import table_text


def terminal_text(
    records: Sequence[Record], columns: Sequence[str] = (), wide: bool = False, controls: Sequence[ControlOutcome] = ()
) -> str:
    """The answer of every data set, model and scenario, the table of all, the controls, and the check of the noise control in every format.

    A `wide` one has every usual column, and a sentence an unlearner; one of other `columns` has no answer.
    """
    said = [] if columns else [answer_text(found, wide) for found in answers(records)]
    end = [paragraph(line) for line in ([controls_text(controls)] if controls else []) + noise_checks(records)]
    return "\n\n".join([*said, "\n".join([table_text(records, columns, wide), *end])])


def answer_text(answer: Answer, wide: bool = False) -> str:
    """The question and the answer; of a `wide` one, what is to be said of each unlearner, too."""
    return "\n".join(map(paragraph, [answer.question, *(answer.lines() if wide else [answer.summary])]))
