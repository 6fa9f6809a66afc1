"""The record of an audit is plain JSON, the failures in the order of their certainty."""

import json
from typing import Any


def test_the_record_is_json_without_anything_of_single_images(make_sheets: Any, make_account: Any, others: Any) -> None:
    retrained, original = others
    account = make_account(make_sheets(original, retrained, original))
    plain = json.loads(json.dumps(account.to_json(), allow_nan=False))
    assert plain["schema"] == "canforget.audit/1"
    assert len(json.dumps(plain)) < 20_000
    assert [f.p_adjusted for f in account.failures] == sorted(f.p_adjusted for f in account.failures)
