"""A scope that hides who is in it, and still can be shown to hold each of them."""

import hashlib
import hmac
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canforget.auditing.merkle import included, inclusion, scope_root
from canforget.errors import DataError

SALT = bytes(range(32))


def slow_root(ids: list[int]) -> str:
    """The tree, written as one would on paper."""
    row = []
    for i in sorted(set(ids)):
        name = i.to_bytes(8, "big", signed=True)
        row.append(hashlib.sha256(b"\x00" + hmac.new(SALT, b"canforget scope" + name, "sha256").digest() + name).digest())
    while len(row) > 1:
        above = [hashlib.sha256(b"\x01" + row[k] + row[k + 1]).digest() for k in range(0, len(row) - 1, 2)]
        row = above if len(row) % 2 == 0 else [*above, row[-1]]
    return row[0].hex()


@settings(max_examples=30)
@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=20))
def test_every_id_is_included_and_no_other(ids: list[int]) -> None:
    root = scope_root(SALT, ids)
    assert root == slow_root(ids)
    for i in ids:
        proof = inclusion(SALT, ids, i)
        assert included(proof, root)
        assert not included(replace(proof, id=proof.id + 1), root)
    with pytest.raises(DataError, match="not among"):
        inclusion(SALT, ids, 2**41)


def test_who_is_in_it_cannot_be_guessed_without_the_salt() -> None:
    """Ids are few: an unsalted hash of them is as good as the list. And a proof opens its own leaf only."""
    assert scope_root(SALT, [3]) != scope_root(bytes(32), [3])
    proofs = [inclusion(SALT, [3, 4], i) for i in (3, 4)]
    assert proofs[0].nonce != proofs[1].nonce
    assert proofs[1].nonce not in str(proofs[0])


def test_a_leaf_is_not_taken_for_a_node() -> None:
    """Without a mark, the two nodes below the root would pass for the one id of another scope."""
    assert scope_root(SALT, [1, 2]) not in {scope_root(SALT, [i]) for i in range(100)}


def test_no_ids_at_all_are_refused() -> None:
    with pytest.raises(DataError, match="at least one image"):
        scope_root(SALT, [])
