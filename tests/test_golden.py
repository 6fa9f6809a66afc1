"""Code that decides numbers may not change its meaning without its version: else results of its former self would be reused."""

import ast
import json
import os
from pathlib import Path
from typing import Any

import pytest

from canforget.registry import FAMILIES, PACKAGE, add_plugin, code_fingerprint, find, names
from canforget.report.room_versions import JUDGES, ROOMS
from canforget.study.versions import VERBS

GOLDEN = Path(__file__).parent / "golden.json"
RENEW = "then (or if no number can differ) run CANFORGET_GOLDEN=write pytest -q tests/test_golden.py"
VERB_MODULES = ("pipeline.py", "study/execute.py", "study/stored_evidence.py")


def members() -> Any:
    """Version and fingerprint of every member of the package."""
    found = [find(f, n) for f in FAMILIES for n in names(f) if "/" not in n]
    return {f"{m.family}/{m.name}": f"{m.version} {m.fingerprint[:16]}" for m in found}


def machinery() -> Any:
    """Version and fingerprint of every module of the rooms, and of those that hold the verbs."""
    rooms = {p: ROOMS[room] for room in ROOMS for p in sorted([*(PACKAGE / room).glob("*.py"), *PACKAGE.glob(f"{room}.py")])}
    verbs = {PACKAGE / name: "-".join(map(str, VERBS.values())) for name in VERB_MODULES}
    judges = {PACKAGE / name: ROOMS["auditing"] for name in JUDGES}
    return {
        str(
            path.relative_to(PACKAGE).with_suffix("")
        ): f"{version} {code_fingerprint(ast.parse(path.read_text(encoding='utf-8')), imports=False)[:16]}"
        for path, version in (rooms | verbs | judges).items()
        if path.stem != "__init__"
    }


@pytest.fixture(scope="module")
def known() -> Any:
    if os.environ.get("CANFORGET_GOLDEN") == "write":
        content = {"machinery": machinery(), "members": members()}
        GOLDEN.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


def changed(known: Any, now: Any) -> Any:
    """What is known and is no longer what it was."""
    return sorted(name for name, was in known.items() if now.get(name, was) != was)


def test_a_component_changes_its_version_when_its_code_changes(known: Any) -> None:
    """A new member is not in the file and need not be: it has no results yet. Renewing the file takes it in."""
    assert not (found := changed(known["members"], members())), f"raise version= of {found}, {RENEW}"


def test_a_room_changes_its_version_when_its_code_changes(known: Any) -> None:
    """A mended training loop or rounding rule must not leave the results of the faulty one in use."""
    now = machinery()
    found = [*changed(known["machinery"], now), *(set(now) ^ set(known["machinery"]))]
    assert not found, f"raise the version of {sorted(found)} in report/room_versions.py or study/versions.py, {RENEW}"


def test_registering_a_member_touches_one_file(known: Any) -> None:
    """The file of fingerprints had to be renewed for every new member."""
    assert not changed(known["members"], members() | {"unlearners/new_method": "1 abc"})


def test_a_fingerprint_does_not_say_where_a_member_finds_its_names_but_a_plugins_does(tmp_path: Path) -> None:
    """A room that was renamed changed every member; a plugin's import may be of another file of its author's."""
    one, two = "from a import f\nx = f(1)\n", "def g():\n    import c\nfrom b import f\nx = f(1)\n"
    moved = two.replace("def g():\n    import c\n", "")
    assert code_fingerprint(ast.parse(one), imports=False) == code_fingerprint(ast.parse(moved), imports=False)
    assert code_fingerprint(ast.parse(one)) != code_fingerprint(ast.parse(moved))
    text = '"""Returns the model."""\nfrom {a} import component\n@component("unlearners")\ndef same_{n}(model): ...\n'
    prints = []
    for n, package in enumerate(("canforget", "canforget.registry")):
        path = tmp_path / f"p{n}.py"
        path.write_text(text.format(a=package, n="it"))
        prints.append(add_plugin(path, prefix=f"golden{n}")[0].fingerprint)
    assert prints[0] != prints[1]


def test_a_fingerprint_is_the_same_under_every_version_of_python() -> None:
    """`ast.dump` leaves empty fields out from 3.13 on, and 3.12 knew a field more: a plugin's results were lost with an upgrade."""
    tree = ast.parse("def f(a: int = 1) -> int:\n    'doc'\n    return f'{a!r:>3}' if a else u'x'\n")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            vars(node)["type_params"] = []
    assert code_fingerprint(tree) == code_fingerprint(ast.parse("def f(a: int = 1) -> int:\n    return f'{a!r:>3}' if a else 'x'\n"))
