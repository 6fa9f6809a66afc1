"""Names are said in words, each whole, and longer ones before shorter ones that they hold."""

from canforget.report.record import Choice
from canforget.report.wording import VALUE_WORDS, enumerated, format_name, with_names_spoken


def test_a_name_within_a_longer_one_is_left_alone() -> None:
    """`forget.accuracy` stands in `test_forget.accuracy`, `membership.phi` in `calibrated_membership.phi`."""
    assert with_names_spoken("by test_forget.accuracy") == f"by {VALUE_WORDS['test_forget.accuracy']}"
    assert with_names_spoken("by membership.phi_excess; x.membership.phi") == "by membership.phi_excess; x.membership.phi"


def test_formats_that_differ_keep_other_names() -> None:
    labels = ["none", "int:bits=8", "int:bits=4", "int:bits=4,granularity=per_tensor", "int:granularity=per_tensor", "float8:format=e5m2"]
    assert len({format_name(Choice(label, "", {})) for label in labels}) == len(labels)


def test_words_are_enumerated() -> None:
    assert [enumerated(words) for words in ([], ["a"], ["a", "b"])] == ["nothing", "a", "a and b"]
