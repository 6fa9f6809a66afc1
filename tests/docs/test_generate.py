"""The generated reference leaves nothing out: every component, hyperparameter, command, option and public name."""

import doctest
from dataclasses import fields
from typing import Any

import pytest

import canforget
from canforget.cli.app import commands
from canforget.fit_settings import Fit
from canforget.registry import FAMILIES, find
from docs.generate import prose
from docs.generate.api import api_page
from docs.generate.commands import command_page, command_pages
from docs.generate.components import anchor, component_pages, own_names
from docs.generate.prose import as_markdown, escaped


@pytest.mark.parametrize("family", FAMILIES)
def test_every_member_stands_in_the_reference_with_every_hyperparameter(family: Any) -> None:
    page = component_pages()[f"{family}.md"]
    for name in own_names(family):
        section = page.partition(f"({anchor(family, name)})=\n## {name}\n")[2].partition("\n)=\n")[0]
        rows = [line.split("|")[1].strip() for line in section.split("\n(")[0].split("\n") if line.startswith("| `")]
        assert rows == [f"`{p.name}`" for p in find(family, name).parameters], name


def test_settings_of_a_fit_stand_with_their_ranges() -> None:
    page = component_pages()["fit.md"]
    assert all(f"| `{f.name}` |" in page for f in fields(Fit))
    assert "float in [0, 1)" in page


def test_a_default_says_what_differs_from_the_usual() -> None:
    assert "Fit(epochs=3, batch_size=256, lr=0.0005, weight_decay=0.0005)" in component_pages()["unlearners.md"]


def test_every_command_has_a_page_and_every_option_a_row() -> None:
    assert set(command_pages()) == {"index.md", *(f"{name}.md" for name in commands())}
    page = command_page("train")
    assert all(f"`{option}" in page for option in ("--model", "--retrain", "--fit", "--json"))
    assert "$ canforget train --model tiny_cnn --dataset digits --out original.safetensors" in page


def test_a_command_of_several_has_each_of_them_on_its_page() -> None:
    page = command_page("store")
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        f"## canforget store {verb}" for verb in ("ls", "du", "verify", "gc", "export", "import")
    ]
    assert "$ canforget store gc canforget-results other-results --yes" in page
    assert "`--yes" in page


def test_every_public_name_stands_in_the_reference() -> None:
    page = api_page()
    missing = [n for n in canforget.homes() if f"}} {n}\n" not in page and f"}} {n}(" not in page]
    assert missing == []


def test_docstrings_become_paragraphs_lists_and_code() -> None:
    assert doctest.testmod(prose).failed == 0
    text = as_markdown(
        "One\nline.\n\nRaises:\n    SpecError: No such\n        name.\n\nExample: canforget a\n    --b\nExample: canforget c"
    )
    assert text.split("\n\n") == [
        "One line.",
        "**Raises**",
        "* `SpecError`: No such name.",
        "```console\n$ canforget a --b\n```",
        "```console\n$ canforget c\n```",
    ]


def test_what_html_would_swallow_stays_readable() -> None:
    assert escaped("<script> `<b>`") == "&lt;script> `<b>`"
