"""Names <-> functions: a folder is a family, a file a member, its signature (read, not imported) the home of its hyperparameters."""

import __future__

import ast
import hashlib
import importlib
import importlib.util
import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Annotated, Any, Literal, TypeVar

import annotated_types

from canforget import hyperparameters
from canforget.errors import SpecError, did_you_mean, shortened
from canforget.fit_settings import Fit
from canforget.hyperparameters import Width, in_words
from canforget.user_code import guarded, imported

FAMILIES = ("datasets", "scenarios", "models", "unlearners", "quantizers", "metrics", "audits", "probes")
PACKAGE = Path(__file__).parent
PLUGIN_GROUP = "canforget.plugins"
RESULTS = {
    "datasets": ("DataSet",), "scenarios": ("ndarray",), "models": ("Module",), "unlearners": ("Module",), "quantizers": ("Module",),
    "metrics": ("Value", "NotRun"), "audits": ("Audit", "Value", "NotRun"), "probes": ("ProbeResult",),
}  # fmt: skip
"""Classes of what members return, by name, as no torch is loaded here: what a plugin returns is held to them."""

F = TypeVar("F", bound=Callable[..., Any])


def component(
    family: str | None = None, *, version: int = 1, paper: str = "", needs: tuple[str, ...] = (), **traits: Any
) -> Callable[[F], F]:
    """Marks a function as a member of a family; within the package the folder names the family, elsewhere the first argument does.

    `version` goes up when the function's meaning changes, so that no stale result is reused. `needs` names the evidence that a metric
    or audit cannot do without ("original", "retrained"). Other traits are facts that planning may ask for.
    """
    if family is not None and family not in FAMILIES:
        raise SpecError(f"component: no family '{family}'{did_you_mean(family, FAMILIES)}")

    def mark(function: F) -> F:
        vars(function)["__canforget__"] = {"family": family, "version": version, "paper": paper, "needs": needs, **traits}
        return function

    return mark


@dataclass(frozen=True)
class Parameter:
    """One hyperparameter: its name, its type with range and choices, and its default (`Parameter.required` when it has none)."""

    name: str
    type: Any
    default: Any

    required = object()

    @property
    def annotation(self) -> str:
        """What it may be, as listings print it."""
        return in_words(self.type)


@dataclass(frozen=True)
class Rule:
    """The function `refuses` of a member's file: says why some hyperparameters cannot go together, or nothing.

    It takes by keyword what it asks about: hyperparameters of the member, `image_shape` and `num_classes` of the images, and `most_inputs`,
    the weights of a model's largest output channel. Of these the model is known last: give what may be unknown a default. It may use
    nothing but builtins.
    """

    function: Callable[..., str]
    path: Path

    def reason(self, known: Mapping[str, Any]) -> str:
        """What the rule says of the values known; nothing where it asks for one that is not."""
        asked = inspect.signature(self.function).parameters.values()
        if any(p.name not in known and p.default is p.empty for p in asked):
            return ""
        try:
            return self.function(**{p.name: known[p.name] for p in asked if p.name in known})
        except Exception as problem:
            raise SpecError(f"{self.path}: refuses ended with {type(problem).__name__}: {shortened(str(problem))}") from problem


@dataclass(frozen=True)
class Component:
    """A member of a family as its source file describes it; `load` imports the function."""

    family: str
    name: str
    version: int
    paper: str
    summary: str
    parameters: tuple[Parameter, ...]
    receives: tuple[str, ...]
    traits: dict[str, Any] = field(hash=False)
    fingerprint: str = ""
    path: Path = Path()
    module: str = ""
    rule: Rule | None = field(default=None, hash=False, compare=False)

    def load(self) -> Callable[..., Any]:
        """Returns the function itself, importing its module (and whatever that imports) now."""
        if not self.module.startswith("plugin:"):
            member: Callable[..., Any] = getattr(importlib.import_module(self.module), self.name)
            return member
        function: Callable[..., Any] = getattr(plugin_module(self.path), self.name.rsplit("/", 1)[-1])
        return guarded(function, self.name, self.path, RESULTS[self.family])

    @property
    def needs(self) -> tuple[str, ...]:
        """The evidence that a metric or audit cannot do without."""
        return tuple(self.traits.get("needs", ()))


INPUTS = {
    "rng",
    "data_dir",
    "model",
    "forget",
    "retain",
    "calibration",
    "evidence",
    "train",
    "dataset",
    "class_names",
    "num_classes",
    "image_shape",
    "on",
    "split",
    "original",
    "quantizer",
}
"""Arguments that the runner supplies; every other keyword-only argument is a hyperparameter."""


def names(family: str) -> list[str]:
    """Names of all members of `family`, sorted, those of plugins included.

    >>> "int" in names("quantizers")
    True
    """
    if family not in FAMILIES:
        raise SpecError(f"no family '{family}'{did_you_mean(family, FAMILIES)}")
    own = [p.stem for p in (PACKAGE / family).glob("*.py") if p.stem != "__init__"]
    return sorted(own + [c.name for c in _plugins.values() if c.family == family])


def find(family: str, name: str) -> Component:
    """Returns the member `name` of `family`; raises `SpecError` with the nearest name when there is none."""
    published(name)
    if family == "models" and (name.startswith(LIBRARIES) or ".py:" in name):
        return outside_model(name)
    if (family, name) in _plugins:
        return _plugins[family, name]
    path = PACKAGE / family / f"{name}.py"
    if family not in FAMILIES or not name.isidentifier() or len(name) > 100 or not path.is_file():
        raise SpecError(f"{family}: no '{shortened(name)}'{did_you_mean(name, names(family))} (canforget list {family})")
    return read_member(family, path)


LIBRARIES = ("timm/", "torchvision/")
LIBRARY_PARAMETERS = (
    Parameter("pretrained", bool, False),
    Parameter("input_size", Width | None, None),
    Parameter("patch_size", Width | None, None),
)


@cache
def outside_model(name: str) -> Component:
    """A network of timm or torchvision, or a class in a Python file (`my_net.py:Net`): known by its name, built only when trained."""
    if name.startswith(LIBRARIES):
        library, _, network = name.partition("/")
        return Component("models", name, 1, "", f"{network} of {library}", LIBRARY_PARAMETERS, (), {})
    path, _, network = name.rpartition(":")
    if not Path(path).is_file():
        raise SpecError(f"models: {shortened(name)}: no such file '{shortened(path)}'")
    tree = syntax_tree(Path(path))
    known = bound_names(tree)
    if not known & {network, "*"}:
        raise SpecError(f"models: {path} has no '{shortened(network)}'{did_you_mean(network, known)}")
    code = code_fingerprint(tree)
    return Component("models", name, 1, "", f"{network} of {path}", (), (), {}, code, Path(path), "plugin:model")


def bound_names(tree: ast.Module) -> set[str]:
    """The names that a module binds wherever in it; "*" among them where it imports all that another has."""
    found = {n.name for n in ast.walk(tree) if isinstance(n, ast.ClassDef | ast.FunctionDef)}
    found |= {(a.asname or a.name).split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) for a in n.names}
    return found | {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


@cache
def read_member(family: str, path: Path) -> Component:
    """Describes the member that a file of the package holds, without importing it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == path.stem]
    if not functions:
        raise SpecError(f"{path}: a member's file must define a function of the file's name, '{path.stem}'")
    return describe_member(functions[0], tree, family, path.stem, path, f"canforget.{family}.{path.stem}")


def describe_member(function: ast.FunctionDef, tree: ast.Module, family: str, name: str, path: Path, module: str) -> Component:
    """Reads name, traits and hyperparameters from a function's syntax tree."""
    traits = decoration(function, path) or {}
    parameters = tuple(
        Parameter(a.arg, literal_value(a.annotation, path), literal_value(d, path) if d else Parameter.required)
        for a, d in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
        if a.arg not in INPUTS
    )
    summary = (ast.get_docstring(tree) or ast.get_docstring(function) or "").split("\n")[0]
    receives = tuple(a.arg for a in function.args.args + function.args.kwonlyargs if a.arg in INPUTS)
    return Component(
        family, name, traits.pop("version", 1), traits.pop("paper", ""), summary, parameters, receives, traits,
        code_fingerprint(tree, imports=module.startswith("plugin:")), path, module,
        refuser(tree, path),
    )  # fmt: skip


def refuser(tree: ast.Module, path: Path) -> Rule | None:
    """The function `refuses` of a member's file, compiled alone, for importing the file may take seconds."""
    functions: list[ast.stmt] = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "refuses"]
    if not functions:
        return None
    namespace: dict[str, Any] = {}
    exec(compile(ast.Module(functions, []), str(path), "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True), namespace)
    return Rule(namespace["refuses"], path)


def decoration(function: ast.FunctionDef, path: Path) -> dict[str, Any] | None:
    """The literal keywords of the function's `@component(...)`, its first argument as "family"; None without a decorator."""
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).rsplit(".", 1)[-1] == "component":
            try:
                found = {k.arg: ast.literal_eval(k.value) for k in decorator.keywords if k.arg}
                return found | ({"family": ast.literal_eval(decorator.args[0])} if decorator.args else {})
            except ValueError:
                raise SpecError(f"{path}:{decorator.lineno}: what @component is told must be literals, not computed") from None
    return None


WORDS: dict[str, Any] = {w.__name__: w for w in (int, float, str, bool, tuple, Fit)}
WORDS |= {"Literal": Literal, "Annotated": Annotated, "builtins": SimpleNamespace(int=int)}
WORDS |= {name: getattr(annotated_types, name) for name in ("Ge", "Gt", "Le", "Lt", "MinLen")}
WORDS |= {name: kind for name, kind in vars(hyperparameters).items() if name[0].isupper()}


def literal_value(node: ast.expr | None, path: Path) -> Any:
    """The value of an annotation or default made of literals, types, ranges and `Fit`: all that a hyperparameter may be."""
    if node is None:
        return None
    try:
        return eval(compile(ast.Expression(node), str(path), "eval"), {"__builtins__": {}, **WORDS})
    except SpecError as problem:
        raise SpecError(f"{path}:{node.lineno}: {problem}") from None
    except Exception as problem:
        said = f"'{shortened(ast.unparse(node))}': types and defaults of hyperparameters must be literals, ranges or Fit(...)"
        raise SpecError(f"{path}:{node.lineno}: {said}; canforget.hyperparameters has the types") from problem


def code_fingerprint(tree: ast.AST, imports: bool = True) -> str:
    """SHA-256 of what a syntax tree does, whatever its comments and docstrings say; without `imports`, wherever its names come from."""
    return hashlib.sha256(repr(without_docstrings(tree, imports)).encode()).hexdigest()


def without_docstrings(node: Any, imports: bool) -> Any:
    """A syntax tree as nested lists: no docstrings, no places, nothing that only some versions of Python write down."""
    if isinstance(node, list):
        return [without_docstrings(n, imports) for n in node if imports or not isinstance(n, ast.Import | ast.ImportFrom)]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if value is not None and value != [] and name != "kind"}
    if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
        fields["body"] = node.body[1:]
    return [type(node).__name__, [[name, without_docstrings(value, imports)] for name, value in fields.items()]]


_plugins: dict[tuple[str, str], Component] = {}
_modules: dict[Path, ModuleType] = {}


def add_plugin(path: str | Path, prefix: str = "plugin") -> list[Component]:
    """Registers every `@component("family")` function of a Python file as `plugin/name`; returns what was found."""
    path = Path(path).resolve()
    if not path.is_file():
        raise SpecError(f"{path}: no such plugin file")
    tree = syntax_tree(path)
    found = [described(f, tree, path, prefix) for f in tree.body if isinstance(f, ast.FunctionDef) and decoration(f, path) is not None]
    if not found:
        raise SpecError(f'{path}: no function marked @component("unlearners") or of another family')
    for member in found:
        other = _plugins.get((member.family, member.name))
        if other is not None and other.path != path:
            raise SpecError(f"{member.name}: defined twice, in {other.path} and {path}; rename one")
        _plugins[member.family, member.name] = member
    _modules.pop(path, None)
    return found


def syntax_tree(path: Path) -> ast.Module:
    """The syntax of a user's Python file; an error that names the line when it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(path.read_text(encoding="utf-8"), str(path))
    except SyntaxError as problem:
        raise SpecError(f"{path}:{problem.lineno or 1}: not valid Python: {problem.msg}") from None
    except (OSError, ValueError, RecursionError, MemoryError) as problem:
        raise SpecError(f"{path}: not a file of Python ({str(problem).splitlines()[0]})") from None


def described(function: ast.FunctionDef, tree: ast.Module, path: Path, prefix: str) -> Component:
    """A plugin's member; its family must be named by its decorator."""
    family = (decoration(function, path) or {}).get("family")
    if family not in FAMILIES:
        raise SpecError(f'{path}:{function.lineno}: {function.name}: name its family, as in @component("unlearners")')
    return describe_member(function, tree, family, f"{prefix}/{function.name}", path, f"plugin:{path}")


def plugin_module(path: Path) -> ModuleType:
    """The module of a plugin file, imported once."""
    if path not in _modules:
        spec = importlib.util.spec_from_file_location(f"canforget_plugin_{path.stem}", path)
        if spec is None or spec.loader is None:
            raise SpecError(f"{path}: no Python file; name it .py")
        _modules[path] = imported(importlib.util.module_from_spec(spec), path)
    return _modules[path]


def plugin_paths() -> list[tuple[str, str]]:
    """The plugins registered so far, as (path, prefix), for workers to register again."""
    return sorted({(str(c.path), c.name.split("/")[0]) for c in _plugins.values()})


@cache
def published(name: str) -> None:
    """Registers the installed package that `package/member` names, if it offers one by the entry point `canforget.plugins`."""
    package = name.split("/")[0]
    if package == name or package in ("plugin", "timm", "torchvision"):
        return
    from importlib.metadata import entry_points

    for point in entry_points(group=PLUGIN_GROUP, name=package):
        module = importlib.util.find_spec(point.value)
        if module is not None and module.origin:
            add_plugin(module.origin, prefix=package)
