"""A forget set's ids behind a salted Merkle root: nobody can guess who is in it, and each can be shown to be, without the others."""

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from canforget.errors import DataError

TREE = "SHA-256 Merkle tree over sorted ids; leaf: 00 nonce id, node: 01 left right; nonce: HMAC-SHA-256 of the salt and the id"
LEAF, NODE = b"\x00", b"\x01"


@dataclass(frozen=True)
class Inclusion:
    """Evidence that one id is in a scope: its nonce (which opens this leaf and no other) and its siblings from leaf to root, as hex.

    Each sibling is preceded by L or R: the side that it stands on.
    """

    id: int
    nonce: str
    path: tuple[str, ...]


def nonce_of(salt: bytes, image: int) -> bytes:
    """What hides an id in its leaf: without it, a leaf cannot be compared with guessed ids."""
    return hmac.new(salt, b"canforget scope" + encoded_id(image), hashlib.sha256).digest()


def encoded_id(image: int) -> bytes:
    """An id as eight bytes."""
    return int(image).to_bytes(8, "big", signed=True)


def leaf_of(nonce: bytes, image: int) -> bytes:
    """The leaf of an id."""
    return hashlib.sha256(LEAF + nonce + encoded_id(image)).digest()


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """The tree from its leaves to its root; the last node of an odd level goes up as it is."""
    found = [list(leaves)]
    while len(found[-1]) > 1:
        below = found[-1]
        pairs = [hashlib.sha256(NODE + a + b).digest() for a, b in zip(below[::2], below[1::2])]
        found.append(pairs + below[len(below) - len(below) % 2 :])
    return found


def scope_root(salt: bytes, ids: Iterable[int]) -> str:
    """The Merkle root of a set of ids, as hex; of another order or with repetitions the same.

    >>> scope_root(b"s" * 32, [3, 1]) == scope_root(b"s" * 32, [1, 3, 3]) != scope_root(b"t" * 32, [1, 3])
    True
    """
    return levels([leaf_of(nonce_of(salt, i), i) for i in checked_ids(ids)])[-1][0].hex()


def checked_ids(ids: Iterable[int]) -> list[int]:
    """Each id once, sorted; raises `DataError` for none at all."""
    found = sorted({int(i) for i in ids})
    if not found:
        raise DataError("scope: no ids; a request to forget names at least one image")
    return found


def inclusion(salt: bytes, ids: Iterable[int], image: int) -> Inclusion:
    """Evidence that `image` is in the scope of `ids`, made by whoever holds salt and ids; it tells nothing of the others.

    >>> proof = inclusion(b"s" * 32, [1, 2, 5], 5)
    >>> included(proof, scope_root(b"s" * 32, [1, 2, 5])), included(proof, scope_root(b"s" * 32, [1, 2]))
    (True, False)
    """
    every = checked_ids(ids)
    if image not in every:
        raise DataError(f"scope: {image} is not among the {len(every)} ids")
    place, path = every.index(image), []
    for level in levels([leaf_of(nonce_of(salt, i), i) for i in every])[:-1]:
        sibling = place ^ 1
        if sibling < len(level):
            path.append(("L" if sibling < place else "R") + level[sibling].hex())
        place //= 2
    return Inclusion(image, nonce_of(salt, image).hex(), tuple(path))


def included(proof: Inclusion, root: str) -> bool:
    """Whether the evidence leads to the root."""
    node = leaf_of(bytes.fromhex(proof.nonce), proof.id)
    for step in proof.path:
        sibling = bytes.fromhex(step[1:])
        node = hashlib.sha256(NODE + (sibling + node if step[0] == "L" else node + sibling)).digest()
    return hmac.compare_digest(node.hex(), root)
