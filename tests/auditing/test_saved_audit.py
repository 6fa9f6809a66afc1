"""A saved audit is checked before it is used: what is not whole, or of another version, is refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from canforget.auditing.saved_audit import audits_in, is_audit
from canforget.errors import ArtifactError

PUBLISHED = Path(__file__).parents[2] / "results" / "reported_audited" / "standard.json"
HERE = Path("a.json")


def test_what_is_written_is_read_again(make_sheets: Any, make_account: Any, others: Any) -> None:
    retrained, original = others
    account = make_account(make_sheets(original, retrained, original), with_records=True)
    content = json.loads(json.dumps({**account.to_json(), "command": "canforget audit", "files": []}))
    (found,) = audits_in(content, HERE)
    assert found.account == account
    assert found.made.command == "canforget audit"
    assert [r.case.unlearner for r in found.account.records] == ["u.safetensors", "nothing", *["retrain"] * 6]
    assert found.account.records[0].curves["roc"]["calibrated"]["tpr"]


def test_audits_of_old_are_read_without_records() -> None:
    content = json.loads(PUBLISHED.read_text())
    assert is_audit(content)
    assert [a.account.records for a in audits_in(content, PUBLISHED)] == [()] * len(content["audits"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "canforget.audit/2"}, "says that it is 'canforget.audit/2', and this canforget reads canforget.audit/1"),
        ({"word": "fine"}, "not a whole canforget.audit/1: word"),
        ({"answers": 3}, "not a whole canforget.audit/1: answers"),
    ],
)
def test_another_version_and_half_a_file_are_refused(change: dict[str, Any], said: str) -> None:
    first = json.loads(PUBLISHED.read_text())["audits"][0]
    with pytest.raises(ArtifactError, match="a.json: ") as refused:
        audits_in(first | change, HERE)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(ArtifactError, match="holds no audit"):
        audits_in({"audits": []}, HERE)
