import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from canforget.errors import SpecError
from canforget.registry import FAMILIES, add_plugin, code_fingerprint, component, find, names

PLUGIN = '''
"""Shrinks weights."""
from canforget import component

@component("unlearners", paper="none", version=3)
def shrink_{n}(model, forget, retain, *, rng, factor: float = 0.5):
    """Doc."""
    return model
'''


def plugin_file(tmp_path: Path, n: Any, text: Any = PLUGIN) -> Any:
    path = tmp_path / f"method_{n}.py"
    path.write_text(text.replace("{n}", n))
    return path


def test_importing_the_package_loads_no_torch() -> None:
    """The command line must answer at once; torch alone takes seconds."""
    code = "import sys, canforget, canforget.study.plan, canforget.report.record; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_every_file_of_a_family_holds_a_member_of_its_name(family: Any) -> None:
    for name in names(family):
        member = find(family, name)
        assert member.name == name
        assert member.summary, f"{family}/{name} says nothing of itself"


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_read_from_the_source_is_what_the_function_has(family: Any) -> None:
    """The signature is read without importing; it must not drift from the real one."""
    import inspect

    for name in names(family):
        member = find(family, name)
        real = inspect.signature(member.load()).parameters
        for parameter in member.parameters:
            default = real[parameter.name].default
            assert (default is inspect.Parameter.empty) == (parameter.default is parameter.required)
            if default is not inspect.Parameter.empty:
                assert default == parameter.default, f"{family}/{name}.{parameter.name}"


def test_an_unknown_name_comes_with_the_nearest_known_one() -> None:
    with pytest.raises(SpecError, match=r"unlearners: no 'scurb'; did you mean 'scrub'\? \(canforget list unlearners\)"):
        find("unlearners", "scurb")


def test_a_name_cannot_leave_the_family_folder() -> None:
    with pytest.raises(SpecError, match="no '../errors'"):
        find("unlearners", "../errors")


def test_an_unknown_family_is_refused_when_the_function_is_marked() -> None:
    with pytest.raises(SpecError, match="no family 'unlearner'; did you mean 'unlearners'"):
        component("unlearner")


def test_a_plugin_is_named_by_its_prefix_and_changes_its_version_with_its_code(tmp_path: Path) -> None:
    """An edited plugin must never reuse the results of its former self."""
    from canforget.spec import parse

    path = plugin_file(tmp_path, "a")
    add_plugin(path)
    before = parse("unlearners", "plugin/shrink_a:factor=0.25")
    assert before["factor"] == 0.25
    assert "plugin/shrink_a" in names("unlearners")
    path.write_text(path.read_text().replace("return model", "return None"))
    add_plugin(path)
    assert parse("unlearners", "plugin/shrink_a").version != before.version


def test_a_plugin_defined_in_two_files_is_an_error(tmp_path: Path) -> None:
    add_plugin(plugin_file(tmp_path, "b"))
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(SpecError, match="plugin/shrink_b: defined twice"):
        add_plugin(plugin_file(other, "b"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "no function marked @component"),
        ("def f(:", "not valid Python"),
        ("from canforget import component\n@component()\ndef f(): ...", "name its family"),
        ('from canforget import component\n@component("unlearners")\ndef f(*, a: int = 1 + x): ...', "must be literals"),
        (
            'from canforget import component\n@component("unlearners", version=V)\ndef f(): ...',
            ":2: what @component is told must be literals",
        ),
        (
            'from canforget import Fit, component\n@component("unlearners")\ndef f(*, fit: Fit = Fit(epochs=0)): ...',
            r":3: fit.epochs: 0 is not int in",
        ),
        ("x = 1\0", "not valid Python"),
    ],
)
def test_a_plugin_that_cannot_be_read_says_why(tmp_path: Path, text: Any, message: Any) -> None:
    with pytest.raises(SpecError, match=message):
        add_plugin(plugin_file(tmp_path, "c", text))


def test_a_missing_plugin_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such plugin file"):
        add_plugin(tmp_path / "none.py")


def test_the_fingerprint_ignores_comments_and_docstrings_alone() -> None:
    import ast

    one, two, three = ('def f():\n    "a"\n    return 1', "def f():\n    # b\n    return 1", "def f():\n    return 2")
    assert code_fingerprint(ast.parse(one)) == code_fingerprint(ast.parse(two)) != code_fingerprint(ast.parse(three))


def test_models_of_libraries_and_of_files_are_known_by_name(tmp_path: Path) -> None:
    assert find("models", "timm/vit_tiny_patch16_224").parameters[0].name == "pretrained"
    net = tmp_path / "my_net.py"
    net.write_text("from torch import nn\nclass Net(nn.Module): ...\n")
    assert find("models", f"{net}:Net").name == f"{net}:Net"
    with pytest.raises(SpecError, match="no such file"):
        find("models", "absent.py:Net")
    with pytest.raises(SpecError, match="has no 'Ned'; did you mean 'Net'?"):
        find("models", f"{net}:Ned")
    net.write_text("class Net(:")
    with pytest.raises(SpecError, match=r"my_net.py:1: not valid Python"):
        find("models", f"{net}:Net2")
