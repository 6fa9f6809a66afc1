"""The standard is a benchmark: whoever changes what it asks makes another version."""

import pytest

from canforget.auditing import standard
from canforget.spec import parse

FROZEN = {1: "2a3aaf4a424009cde2ea460d08778fddcaab9b5a89bee9ef063c30b617b6fa09"}


def test_version_1_asks_what_it_has_always_asked() -> None:
    """A question, format, margin or limit that changes in silence makes figures of two papers incomparable."""
    assert standard.standard_digest() == FROZEN[standard.VERSION], "raise VERSION, and keep this digest under the old one"


@pytest.mark.parametrize("text", [*standard.FORMATS.values()])
def test_every_format_is_a_quantizer_of_ours(text: str) -> None:
    assert parse("quantizers", text)


@pytest.mark.parametrize("text", [*standard.OUTPUT_AUDITS, *standard.COIN_AUDITS, *standard.FEW_DRAWS, *standard.FEATURE_AUDITS])
def test_every_attack_is_an_audit_of_ours(text: str) -> None:
    assert parse("audits", text)


@pytest.mark.parametrize("text", [standard.RELEARNING, standard.RADIUS])
def test_every_probe_is_one_of_ours(text: str) -> None:
    """A probe that changed its hyperparameters' names would be found by users first."""
    assert parse("probes", text)
