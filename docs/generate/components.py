"""The reference of the components: every family a page, every member with its hyperparameters, ranges, defaults, source and docstring."""

import ast
from dataclasses import fields

from canforget.fit_settings import TRAINING, Fit
from canforget.hyperparameters import in_words
from canforget.registry import FAMILIES, PACKAGE, Component, Parameter, find, names
from docs.generate.prose import as_markdown, cell, escaped

ABOUT = {
    "datasets": "Named in studies and after `--dataset`; where their files lie, and what is read: [data sets](../../datasets.md).",
    "scenarios": "What is to be forgotten: named in studies and after `--scenario`.",
    "models": "Nets of ours. Any of timm and torchvision (`timm/vit_tiny_patch16_224`) and your own (`my_net.py:Net`) stand beside them.",
    "unlearners": "Methods that are given a model, a forget set and a retain set, and return another model. Those whose first sentence says so "
    "are controls of known answer.",
    "quantizers": "Formats, simulated exactly in float32 unless the page says that real kernels run.",
    "metrics": "A number from what models said of images.",
    "audits": "Attacks: what somebody who looks at the answers can find out.",
    "probes": "What a live model is asked once: to relearn, to stand an attack, to be mixed with the original, to be shaken.",
}


def component_pages() -> dict[str, str]:
    """The text of every page by its file name."""
    pages = {f"{family}.md": family_page(family) for family in FAMILIES}
    return pages | {"fit.md": fit_page(), "index.md": index_page()}


def index_page() -> str:
    """The page that lists the families."""
    rows = "\n".join(f"| [{f}]({f}.md) | {', '.join(f'[`{n}`](#{anchor(f, n)})' for n in own_names(f))} |" for f in FAMILIES)
    return (
        "# Components\n\nEvery component of every family, written from the source: a hyperparameter's type, range and default are those of the "
        "function's signature. The same in a terminal: `canforget list FAMILY NAME`. In a study or after a flag, hyperparameters follow the "
        "name, as in `scrub:alpha=0.1,fit.lr=1e-4`; those of [`fit`](fit.md) after a dot.\n\n"
        f"| family | members |\n|---|---|\n{rows}\n\n```{{toctree}}\n:hidden:\n\n" + "\n".join([*FAMILIES, "fit"]) + "\n```\n"
    )


def family_page(family: str) -> str:
    """A family: its members in a table, then one by one."""
    members = [find(family, name) for name in own_names(family)]
    table = "\n".join(f"| [`{m.name}`](#{anchor(family, m.name)}) | {cell(escaped(m.summary))} |" for m in members)
    parts = [f"# {family.capitalize()}", ABOUT[family], f"| name | what it is |\n|---|---|\n{table}", *(member_section(m) for m in members)]
    return "\n\n".join(parts) + "\n"


def own_names(family: str) -> list[str]:
    """The members of a family that are ours, without those of plugins."""
    return [name for name in names(family) if (PACKAGE / family / f"{name}.py").is_file()]


def anchor(family: str, name: str) -> str:
    """What links to a member name it by."""
    return f"{family}-{name}".replace("_", "-")


def member_section(member: Component) -> str:
    """A member: what it is, its source, its hyperparameters, and what its function says of itself."""
    facts = [f"Version {member.version}.", *([f"Source: {escaped(member.paper)}."] if member.paper else [])]
    facts += [f"Needs {' and '.join(member.needs)} models." if member.needs else ""]
    rows = "\n".join(f"| `{p.name}` | {cell(p.annotation)} | {default_of(p)} |" for p in member.parameters)
    table = f"| hyperparameter | what it may be | default |\n|---|---|---|\n{rows}" if rows else "It has no hyperparameters."
    parts = [f"({anchor(member.family, member.name)})=\n## {member.name}", escaped(member.summary), " ".join(filter(None, facts)), table]
    return "\n\n".join([*parts, as_markdown(docstring_of(member))])


def default_of(parameter: Parameter) -> str:
    """A default as it is written; of a `Fit` what differs from the usual."""
    if parameter.default is Parameter.required:
        return "required"
    if not isinstance(parameter.default, Fit):
        return f"`{parameter.default!r}`"
    given = {f.name: getattr(parameter.default, f.name) for f in fields(Fit)}
    own = ", ".join(f"{name}={value!r}" for name, value in given.items() if value != getattr(Fit(), name))
    return f"[`Fit({own})`](fit.md)"


def docstring_of(member: Component) -> str:
    """The docstring of a member's function, read without importing it."""
    tree = ast.parse(member.path.read_text(encoding="utf-8"))
    function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == member.name)
    return ast.get_docstring(function) or ""


def fit_page() -> str:
    """The settings of a fit: ranges, defaults, and what training a model uses."""
    rows = "\n".join(
        f"| `{f.name}` | {cell(in_words(f.type))} | `{getattr(Fit(), f.name)!r}` | `{getattr(TRAINING, f.name)!r}` |" for f in fields(Fit)
    )
    return (
        "# fit\n\nHow weights are fitted, by training and by every unlearner that trains. What a component's default does not name is as the third "
        "column says; the training of models begins with the fourth, unless the model's own settings or a study say otherwise.\n\n"
        f"| setting | what it may be | default | training |\n|---|---|---|---|\n{rows}\n\n{as_markdown(Fit.__doc__ or '')}\n"
    )
