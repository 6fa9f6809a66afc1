"""The house rules that a reviewer would otherwise have to remember."""

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from canforget.registry import FAMILIES

SOURCE = Path(__file__).parents[1] / "src" / "canforget"
FILES = sorted(SOURCE.rglob("*.py"))
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "misc", "tools", "core", "lib"}


def tree(path: Any) -> Any:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_opens_with_a_sentence_and_is_short_and_well_named(path: Any) -> None:
    assert ast.get_docstring(tree(path)), "say what the module is for"
    assert path.read_text(encoding="utf-8").count("\n") <= 400
    assert path.stem not in VAGUE


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_function_is_longer_than_a_screen(path: Any) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            skipped = len((ast.get_docstring(node, clean=False) or "").splitlines())
            assert (node.end_lineno or 0) - node.lineno + 1 - skipped <= 60, node.name


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_only_rng_touches_a_global_seed(path: Any) -> None:
    calls = {ast.unparse(n.func) for n in ast.walk(tree(path)) if isinstance(n, ast.Call)}
    forbidden = {"torch.manual_seed", "numpy.random.seed", "random.seed", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all"}
    assert path.stem == "rng" or not calls & forbidden


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_no_handler_swallows_every_error(path: Any) -> None:
    """A handler of everything either raises again or hands on what was said."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")):
            told = node.name and any(isinstance(n, ast.Name) and n.id == node.name for n in ast.walk(node))
            assert told or any(isinstance(n, ast.Raise) for n in ast.walk(node)), node.lineno


@pytest.mark.parametrize("family", FAMILIES)
def test_members_of_a_family_never_import_one_another(family: Any) -> None:
    for path in (SOURCE / family).glob("*.py"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith(f"canforget.{family}"), path


def test_nothing_loads_a_pickle_without_weights_only() -> None:
    """`torch.load` runs whatever a checkpoint says unless it is told not to."""
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "pickle.load", "pickle.loads"):
                assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords), path


def test_training_steps_are_taken_in_one_place() -> None:
    """One training loop: whoever else calls `backward` only asks for gradients, and steps no optimizer."""
    steppers = {
        p.stem for p in FILES for n in ast.walk(tree(p)) if isinstance(n, ast.Attribute) and ast.unparse(n).endswith("optimizer.step")
    }
    assert steppers == {"loop"}


@pytest.mark.parametrize("room", sorted(p.stem for p in SOURCE.iterdir() if not p.name.startswith("_") and p.suffix in ("", ".py")))
def test_the_architecture_page_names_every_room_and_family(room: Any) -> None:
    """A page that leaves a room out is not followed."""
    assert f"`{room}`" in (SOURCE.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_house_has_at_most_37_entries() -> None:
    assert len([p for p in SOURCE.iterdir() if p.name != "__pycache__"]) <= 37


SHARED_NAMES: set[str] = set()  # names that two modules may define, each with its reason beside it


def test_no_two_modules_of_the_machinery_define_one_name() -> None:
    """One name, two meanings: a reader who has met `save` once believes to know what it does the next time."""
    owners = defaultdict(list)
    for path in FILES:
        if path.relative_to(SOURCE).parts[0] not in {*FAMILIES, "commands"}:
            for node in tree(path).body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                    owners[node.name].append(str(path.relative_to(SOURCE)))
    assert {name: places for name, places in owners.items() if len(places) > 1 and name not in SHARED_NAMES} == {}


def test_types_are_ignored_in_few_places_and_with_a_reason() -> None:
    """An ignored error is a claim that nobody checks; ten of them are read, a hundred are not."""
    sign = "# type: " + "ignore"
    root = SOURCE.parents[1]
    lines = [
        f"{path.relative_to(root)}: {line.strip()}"
        for folder in ("src", "tests", "benchmarks", "examples")
        for path in sorted((root / folder).rglob("*.py"))
        for line in path.read_text(encoding="utf-8").split("\n")
        if sign in line
    ]
    assert len(lines) <= 10
    assert [line for line in lines if not re.search(re.escape(sign) + r"\[[a-z-]+\]  # \w+", line)] == []


TESTED_BESIDE = {
    "auditing/audited_records.py": "auditing/test_saved_audit.py",
    "auditing/page_answer.py": "auditing/test_page.py",
    "cli/carry_out.py": "cli/test_follow.py",
    "cli/making_anew.py": "cli/test_app.py",
    "cli/output.py": "cli/test_app.py",
    "cli/paged.py": "cli/test_report_and_plot.py",
    "deployment/onnx_checks.py": "deployment/test_model_header.py",
    "deployment/operators.py": "deployment/test_onnx_graph.py",
    "deployment/optional.py": "deployment/test_onnx_graph.py",
    "deployment/tensor_checks.py": "test_bad_model_files.py",
    "errors.py": "test_public_api.py",
    "network/build.py": "network/test_classifier.py",
    "quantization/tracing.py": "quantization/test_folding.py",
    "report/figures/accuracy_by_class.py": "report/test_figure_list.py",
    "report/figures/layers.py": "report/test_figure_list.py",
    "report/figures/membership_roc.py": "report/test_figure_list.py",
    "report/figures/price.py": "report/test_figure_list.py",
    "report/figures/recovery_by_bits.py": "report/test_figure_list.py",
    "report/figures/relearning_curves.py": "report/test_figure_list.py",
    "report/figures/score_distributions.py": "report/test_figure_list.py",
    "report/page/audit_view.py": "auditing/test_page.py",
    "report/recovery_table.py": "report/test_recovery_over_seeds.py",
    "rng.py": "training/test_loop.py",
    "study/one_step.py": "cli/test_follow.py",
    "study/reporting.py": "cli/test_follow.py",
    "testing/problems.py": "testing/test_unlearner.py",
    "testing/promises.py": "testing/test_unlearner.py",
    "testing/quantizer.py": "quantizers/test_quantizer_contract.py",
    "training/checkpoint.py": "training/test_loop.py",
    "unlearning/bounds.py": "unlearners/test_bounded_update.py",
    "user_code.py": "test_bad_user_code.py",
}  # modules of the rooms whose tests lie elsewhere; a new module gets a file of its own


def test_every_module_of_the_rooms_has_its_tests_at_the_mirrored_place() -> None:
    """Whoever changes a module must find what holds it without a search."""
    tests = Path(__file__).parent
    modules = {
        str(p.relative_to(SOURCE)) for p in FILES if p.stem[0] != "_" and p.relative_to(SOURCE).parts[0] not in {*FAMILIES, "commands"}
    }
    mirrored = {m for m in modules if (tests / m).with_name(f"test_{Path(m).name}").exists()}
    assert modules - mirrored == TESTED_BESIDE.keys()
    assert [place for place in TESTED_BESIDE.values() if not (tests / place).exists()] == []


def test_decisions_are_numbered_one_after_the_other_and_each_page_says_its_own_number() -> None:
    pages = sorted((SOURCE.parents[1] / "docs" / "decisions").glob("[0-9]*.md"))
    for number, page in enumerate(pages, 1):
        assert page.name.startswith(f"{number:04}-")
        assert page.read_text(encoding="utf-8").startswith(f"# {number}. ")
