from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canforget.errors import SpecError
from canforget.fit_settings import Fit
from canforget.registry import FAMILIES, add_plugin, names
from canforget.spec import Call, call_of, canonical, fit_of, key_of, parse, parse_text, refusal_of, set_nested, to_json


def test_a_line_and_a_table_mean_the_same() -> None:
    assert parse("unlearners", "scrub:alpha=0.5,fit.epochs=2") == parse("unlearners", {"name": "scrub", "alpha": 0.5, "fit": {"epochs": 2}})


def test_defaults_are_filled_in() -> None:
    assert parse("unlearners", "scrub")["gamma"] == 0.99


def test_a_stored_call_reads_back_as_itself() -> None:
    call = parse("unlearners", "salun:fit.lr=0.5")
    assert call_of(call.to_json()) == call


def test_lists_are_written_with_commas() -> None:
    assert parse("scenarios", "whole_class:classes=cat,dog")["classes"] == ("cat", "dog")


def test_the_label_says_what_differs_from_the_defaults_and_reads_back() -> None:
    call = parse("unlearners", "scrub:fit.epochs=2,alpha=0.5")
    assert call.label == "scrub:fit.epochs=2,alpha=0.5"
    assert parse("unlearners", call.label) == call


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("scrub:alhpa=1", "scrub has no hyperparameter 'alhpa'; did you mean 'alpha'"),
        ("scrub:alpha=high", "scrub.alpha: 'high' is not float"),
        ({"name": "scrub", "max_epochs": True}, "scrub.max_epochs: True is not int"),
        ({"name": "scrub", "max_epochs": 1.5}, "scrub.max_epochs: 1.5 is not int"),
        ({"name": "scrub", "alpha": float("nan")}, "scrub.alpha: nan is not float"),
        ("scrub:fit.epoch=3", "scrub.fit has no field 'epoch'; did you mean 'epochs'"),
        ("scrub:fit.schedule=cosin", "is not"),
        ("scrub:5", "write hyperparameters as name=value"),
        ({"alpha": 1}, "write a name, or a table with a name"),
    ],
)
def test_what_cannot_be_understood_is_one_line_that_says_why(given: Any, message: Any) -> None:
    """A lax parser takes true for 1 and keeps a default for a misspelt name."""
    with pytest.raises(SpecError) as problem:
        parse("unlearners", given, "study.toml: unlearners[0]")
    assert message in str(problem.value)
    assert str(problem.value).startswith("study.toml: unlearners[0]: ")
    assert "\n" not in str(problem.value)


def test_a_fit_is_changed_field_by_field() -> None:
    assert fit_of({"lr": 1}, Fit(epochs=3)) == Fit(epochs=3, lr=1.0)


def test_a_required_hyperparameter_is_asked_for() -> None:
    with pytest.raises(SpecError, match="'file' is required"):
        parse("scenarios", "ids")


def test_a_key_depends_on_the_type_written_as_little_as_on_the_order() -> None:
    one, two = parse("unlearners", "scrub:alpha=1"), parse("unlearners", "scrub:alpha=1.0")
    assert key_of("unlearn", call=one.to_json()) == key_of("unlearn", call=two.to_json())


@given(st.dictionaries(st.text(), st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(), max_size=5))
def test_canonical_json_does_not_depend_on_the_order_of_keys(content: Any) -> None:
    assert canonical(content) == canonical(dict(reversed(content.items())))


def test_a_base_is_a_call_of_its_own_with_its_version_and_every_hyperparameter() -> None:
    """A base was a word: its version and settings were in no key."""
    call = parse("unlearners", "ste:base=random_labels,base.fit.epochs=2,bits=3")
    base = call["base"]
    assert isinstance(base, Call)
    assert base["fit"].epochs == 2
    stored = call.to_json()
    assert stored["parameters"]["base"]["version"] == base.version
    assert stored["parameters"]["base"]["parameters"]["fit"]["epochs"] == 2
    assert call_of(stored) == call
    table = {"name": "ste", "bits": 3, "base": {"name": "random_labels", "fit": {"epochs": 2}}}
    assert parse("unlearners", table) == call


@pytest.mark.parametrize(
    "line",
    [
        "ste", "ste:base=npo", "sure:base.fit.epochs=2", "sure:base=neggrad_plus", "ste:base=npo,base.weight=0.5,base.fit.lr=0.5,bits=3",
        "ste:base.fit.epochs=2,base=npo", "half_step_hinge:base=npo:beta=0.2,bits=3",
    ],
)  # fmt: skip
def test_the_label_of_a_wrapper_reads_back_as_itself(line: Any) -> None:
    call = parse("unlearners", line)
    assert parse("unlearners", call.label) == call
    assert call_of(call.to_json()) == call


def test_a_base_that_is_only_changed_is_the_defaults_own() -> None:
    assert parse("unlearners", "sure:base.fit.epochs=2")["base"]["fit"].lr == parse("unlearners", "sure")["base"]["fit"].lr == 0.05
    assert parse("unlearners", "sure:base=neggrad_plus")["base"] == parse("unlearners", "neggrad_plus")


BASE = '''
"""Pulls."""
from canforget import Fit, component

@component("unlearners", version={version})
def pull(model, forget, retain, *, rng, fit: Fit = Fit()):
    """Doc."""
    return model
'''


def test_the_same_call_has_another_key_after_its_base_changed_its_version(tmp_path: Path) -> None:
    """Results of a faulty base were reused by its wrappers."""
    path, keys = tmp_path / "pull.py", []
    for version in (1, 2):
        path.write_text(BASE.format(version=version))
        add_plugin(path, prefix="pulling")
        keys.append(key_of("unlearn", call=parse("unlearners", "ste:base=pulling/pull").to_json()))
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ste:base=neggrad_pluss", "ste.base: unlearners: no 'neggrad_pluss'; did you mean 'neggrad_plus'? (canforget list unlearners)"),
        ("ste:base=ssd", "ste.base: 'ssd' does not train on from the original's weights; choose a base such as neggrad_plus"),
        ("ste:base=ste", "ste.base: 'ste' does not train on"),
        ("ste:base.fit.epochs=0", "ste.base: neggrad_plus.fit.epochs: 0 is not int in [1, 100000]"),
        ("ste:base.alhpa=1", "ste.base: neggrad_plus has no hyperparameter 'alhpa'; did you mean 'alpha'?"),
        ("ste:base=npo,base.alpha=1", "ste.base: npo has no hyperparameter 'alpha'"),
        ("ste:fit.epochs=2", "ste has no hyperparameter 'fit'"),
        ("ste:base=", "ste.base: unlearners: no ''"),
        ("scrub:alpha=1,alpha=2", "'alpha' is given twice; give it once"),
        ("scrub:fit.=2", "'fit.' names nothing"),
        ("scrub:fit=2", "scrub.fit: '2': write the fields to change, as in {epochs = 5, lr = 0.1}, or fit.epochs=5 on the command line"),
        ("scrub:fit=2,fit.epochs=3", "scrub.fit has no field 'name'"),
        ("scrub:alpha.x=2", "scrub.alpha: {'x': '2'} is not float >= 0"),
        ("scrub:fit.epochs=1,2", "scrub.fit.epochs: '1,2' is not int"),
        ("scrub:=2", "write hyperparameters as name=value"),
        ("nothing:a=1", "nothing has no hyperparameter 'a'; it has none (canforget list unlearners nothing)"),
    ],
)
def test_what_is_wrong_within_a_line_is_said_with_its_place(line: Any, said: Any) -> None:
    with pytest.raises(SpecError) as problem:
        parse("unlearners", line)
    assert said in str(problem.value)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(
    ("family", "line", "said"),
    [
        ("quantizers", "int:rounding=hqq", "int: rounding=hqq moves zero points, and a symmetric grid has none; add symmetric=false"),
        ("quantizers", "int:full_range=true,symmetric=false", "int: full_range is about symmetric grids"),
        ("quantizers", "int:reestimate_norms=true,ranges=mse", "int: reestimate_norms knows plain weights only"),
        ("quantizers", "int:group_size=32", "int: group_size is of groups; add granularity=per_group"),
        ("quantizers", "int:percentile=99", "int: percentile is of ranges by percentile; add ranges=percentile"),
        ("quantizers", "int:seed=1", "int: seed is of rounding by chance"),
        ("quantizers", "float8:percentile=99", "float8: percentile is of ranges by percentile"),
        ("scenarios", "random_samples", "random_samples: give either fraction (in (0, 1)) or count"),
        ("scenarios", "random_samples:fraction=0.1,count=3", "random_samples: give only one of fraction"),
    ],
)
def test_a_member_refuses_what_cannot_go_together_without_being_imported(family: Any, line: Any, said: Any) -> None:
    with pytest.raises(SpecError) as problem:
        parse(family, line)
    assert str(problem.value).startswith(said)


@pytest.mark.parametrize(
    ("family", "line", "context", "said"),
    [
        (
            "quantizers",
            "int:granularity=per_group,group_size=4096",
            {"most_inputs": 144},
            "no layer has 4096 weights an output (at most 144)",
        ),
        ("quantizers", "nf4", {"most_inputs": 9}, "group_size: no layer has 64 weights an output (at most 9)"),
        ("unlearners", "scrub:fit.cutout=9", {"image_shape": (1, 8, 8)}, "fit.cutout: a square of 9 pixels does not fit"),
        ("unlearners", "ste:base.fit.crop=8", {"image_shape": (1, 8, 8)}, "base: fit.crop: images of 8 x 8 cannot be padded by 8"),
        ("models", "speed_net", {"image_shape": (3, 7, 32)}, "images of 7 x 32 are too small"),
    ],
)
def test_what_the_images_or_the_model_rule_out_is_refused_once_they_are_known(family: Any, line: Any, context: Any, said: Any) -> None:
    call = parse(family, line)
    assert not refusal_of(call)
    assert said in refusal_of(call, **context)


RULE = '''
"""Pushes."""
from canforget import component

def refuses(*, far: float) -> str:
    {body}

@component("unlearners")
def push_{n}(model, forget, retain, *, rng, far: float = 0.5):
    """Doc."""
    return model
'''


@pytest.mark.parametrize(
    ("n", "body", "said"),
    [
        ("a", "return 'too far' if far > 1 else ''", "pushing/push_a: too far"),
        ("b", "return far / 0", "refuses ended with ZeroDivisionError"),
    ],
)
def test_a_plugin_may_refuse_too_and_a_rule_that_fails_is_named_with_its_file(tmp_path: Path, n: Any, body: Any, said: Any) -> None:
    path = tmp_path / "push.py"
    path.write_text(RULE.format(n=n, body=body))
    add_plugin(path, prefix="pushing")
    with pytest.raises(SpecError, match=said):
        parse("unlearners", f"pushing/push_{n}:far=2")


def member_lines() -> Any:
    """Lines that begin like one that means something, and go on anyhow."""
    known = [f"{family} {name}" for family in FAMILIES for name in names(family) if "/" not in name]
    keys = st.sampled_from(
        ["alpha", "fit.epochs", "fit", "base", "base.fit.lr", "bits", "classes", "view", "fit.fit", "", ".", "base.base"]
    )
    values = st.sampled_from(["1", "-1", "nan", "1e999", "true", "none", "npo", "9" * 5000, "\u00b2", "\n", "a,b", ":", "="]) | st.text(
        max_size=5
    )
    pairs = st.lists(st.tuples(keys, values).map("=".join), max_size=4).map(",".join)
    return st.tuples(st.sampled_from(known), pairs)


@given(member_lines())
def test_a_line_is_understood_or_refused_in_words(line: Any) -> None:
    (family, name), pairs = line[0].split(), line[1]
    try:
        call = parse(family, f"{name}:{pairs}", "here")
    except SpecError as refused:
        lines = str(refused).splitlines()
        assert len(lines) == 1
    else:
        assert call_of(call.to_json()) == call


TOML = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates() | st.sampled_from(["scrub", "npo:weight=2", 0, -1]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "fit", "base", "epochs", "alpha", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from(["unlearners", "quantizers", "scenarios", "metrics"]), TOML)
def test_a_table_is_understood_or_refused_in_words(family: Any, table: Any) -> None:
    try:
        call = parse(family, table, "here")
    except SpecError as refused:
        lines = str(refused).splitlines()
        assert len(lines) == 1
    else:
        assert to_json(call)["name"]


@given(TOML)
def test_a_fit_is_understood_or_refused_in_words(values: Any) -> None:
    try:
        assert isinstance(fit_of(values, Fit(), "here: fit"), Fit)
    except SpecError as refused:
        lines = str(refused).splitlines()
        assert len(lines) == 1


@given(st.text())
def test_any_text_has_a_name_and_values_or_is_refused(text: Any) -> None:
    try:
        name, values = parse_text(text)
    except SpecError as refused:
        lines = str(refused).splitlines()
        assert len(lines) == 1
    else:
        assert text.startswith(name)
        assert isinstance(values, dict)


def test_a_key_with_dots_goes_into_tables() -> None:
    values: dict[str, Any] = {}
    set_nested(values, "a.b.c", 1, "x")
    set_nested(values, "a.b", "d", "x")
    assert values == {"a": {"b": {"c": 1, "name": "d"}}}
