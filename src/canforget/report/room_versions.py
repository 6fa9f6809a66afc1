"""Versions of the rooms whose code decides numbers: of keys of a study's steps, and in the record of an audit."""

ROOMS = {
    "auditing": 4,
    "data": 1,
    "deployment": 1,
    "evaluation": 3,
    "network": 1,
    "probing": 1,
    "quantization": 3,
    "rng": 1,
    "training": 1,
    "unlearning": 1,
}
JUDGES = ("report/verdict.py", "report/measurement.py")
"""Modules of other rooms by whose rules an audit is judged: a change of them raises the version of the room of auditing."""


def rooms_told() -> str:
    """The rooms with their versions, in words: two audits that were told alike were computed and judged by the same code.

    >>> rooms_told()[:10]
    'auditing 4'
    """
    return ", ".join(f"{name} {version}" for name, version in ROOMS.items())
