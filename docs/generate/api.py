"""The reference of what Python code may import from `canforget`: signatures and docstrings, read from the source without importing it."""

import ast
from pathlib import Path

import canforget
from docs.generate.prose import as_markdown

GROUPS = {
    "Models, step by step": (
        "open_split",
        "split_of",
        "train",
        "wrap",
        "unlearn",
        "quantize",
        "predict",
        "probe",
        "evaluate",
        "audit",
        "sweep",
    ),
    "Files": ("save", "load", "export"),
    "Studies and records": ("Study", "run_study", "Store", "Record", "results"),
    "Images": ("Images", "Split", "DataSet"),
    "What metrics and audits read and return": ("Predictions", "Evidence", "Value", "Audit"),
    "Components of your own": ("component", "Fit", "passes", "train_"),
    "Contracts": tuple(sorted(name for name in canforget.homes() if name.startswith("check_"))),
    "Errors": ("CanforgetError",),
}
Definition = ast.FunctionDef | ast.ClassDef


def api_page() -> str:
    """The page of the public names; raises `KeyError` when a group names what is not public, and says which name has no group."""
    missing = set(canforget.homes()) - {name for group in GROUPS.values() for name in group}
    if missing:
        raise KeyError(f"public names without a group in docs/generate/api.py: {sorted(missing)}")
    parts = ["# Python\n\n```{py:currentmodule} canforget\n```\n\nAll that is public is imported from `canforget` itself."]
    for title, group in GROUPS.items():
        parts += [f"## {title}", *(entry(name) for name in group)]
    return "\n\n".join(parts) + "\n"


def entry(name: str) -> str:
    """A function or class with what it says of itself; of a class also its public methods."""
    found = definition(name)
    if isinstance(found, ast.FunctionDef):
        return directive("function", f"{name}{signature(found)}", as_markdown(ast.get_docstring(found) or ""))
    members = [n for n in found.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_") and ast.get_docstring(n)]
    inside = "\n\n".join(member(found.name, n) for n in members)
    fields = "\n".join(f"* `{ast.unparse(n)}`" for n in found.body if isinstance(n, ast.AnnAssign) and "private" not in ast.unparse(n))
    text = "\n\n".join(filter(None, [as_markdown(ast.get_docstring(found) or ""), fields and f"**Fields**\n\n{fields}", inside]))
    return directive("class", name, text)


def member(owner: str, found: ast.FunctionDef) -> str:
    """A method or property of a class."""
    marks = {ast.unparse(d) for d in found.decorator_list}
    text = as_markdown(ast.get_docstring(found) or "")
    if marks & {"property", "cached_property"}:
        return directive("property", f"{owner}.{found.name}", text)
    kind = "classmethod" if "classmethod" in marks else "staticmethod" if "staticmethod" in marks else "method"
    return directive(kind, f"{owner}.{found.name}{signature(found, skip='staticmethod' not in marks)}", text)


def signature(found: ast.FunctionDef, skip: bool = False) -> str:
    """Arguments and result as they are written; `skip` leaves the first one out."""
    given = ast.unparse(found.args)
    if skip:
        given = given.partition(",")[2].strip()
    return f"({given})" + (f" -> {ast.unparse(found.returns)}" if found.returns else "")


def definition(name: str) -> Definition:
    """Where the source defines a public name, followed through modules that hand it on."""
    module = canforget.homes()[name]
    while True:
        tree = ast.parse(source_of(module).read_text(encoding="utf-8"))
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
                return node
        module = next(
            str(n.module) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and name in {a.asname or a.name for a in n.names}
        )


def source_of(module: str) -> Path:
    """The file of a module of the package."""
    path = Path(canforget.__file__).parent.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def directive(kind: str, title: str, text: str) -> str:
    """A description of the Python domain, fenced by more signs than what it holds."""
    fence = ":" * (3 + (kind in ("class",)))
    return f"{fence}{{py:{kind}}} {title}\n{text}\n{fence}"
