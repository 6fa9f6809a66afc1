"""Nets, methods and plugins of a user's own that go wrong: exit code 2, one line with the file and the line, nothing written, no traceback."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import canforget
from canforget.cli.app import main
from canforget.data.images import Split
from canforget.errors import ArtifactError, UserCodeError

NET = """import torch
from torch import nn
class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.fc = nn.Linear(64, num_classes)
    def forward(self, x):
        {body}
"""
SOUND = "return self.fc(x.flatten(1))"
NETS: list[tuple[str, str]] = [
    ("def", "net.py:1: not valid Python"), ("x = (", "net.py:1: not valid Python"), ("class Net:\n  def f(self):\n pass", "net.py:3: not valid Python"),
    ("\0", "net.py"), ("import no_such_module\nNet = None", "net.py:1: cannot be imported: it raised ModuleNotFoundError"), ("1 / 0\nNet = None", "net.py:1: cannot be imported: it raised ZeroDivisionError"),
    ("exit()\nNet = None", "net.py:1: cannot be imported: it called exit()"), ("import sys\nsys.exit(3)\nNet = None", "net.py:2: cannot be imported: it called exit(3)"),
    ("raise SystemExit('bye')\nNet = None", "net.py:1: cannot be imported: it called exit(bye)"), ("from torch import nope\nNet = None", "net.py:1: cannot be imported: it raised ImportError"),
    ("def f(): return f()\nf()\nNet = None", "net.py:1: cannot be imported: it raised RecursionError"), ("class E(BaseException): pass\nraise E('x')\nNet = None", "net.py:2: cannot be imported: it raised E: x"),
    ("", "net.py has no 'Net'"), ("Net = 3", "defines no 'Net'"), ("Net = None", "defines no 'Net'"), ("Nett = dict", "did you mean 'Nett'?"),
    ("Net = dict", "net.py: 'Net' cannot be made: it raised ValueError"), ("def Net(): return 3", "net.py:1: 'Net' made an int"), ("def Net(): pass", "net.py:1: 'Net' made None"),
    ("Net = lambda: 'x'", "net.py:1: 'Net' made a str"), ("def Net(num_classes): raise ValueError('no')", "net.py:1: 'Net' cannot be made: it raised ValueError: no"),
    ("def Net(num_classes): exit(1)", "net.py:1: 'Net' cannot be made: it called exit(1)"), ("def Net(width): pass", "net.py:1: 'Net' cannot be made: it raised TypeError"),
    ("class Net:\n    pass", "'Net' made a Net, and an nn.Module is wanted"), ("from torch import nn\nNet = nn.Linear(64, 10)", "'Net' is a network already; name its class"),
    ("from torch import nn\nNet = nn.Identity", "has no parameters"), ("from torch import nn\ndef Net(): return nn.LazyLinear(10)", "has a lazy layer ('weight')"),
    ("from torch import nn\ndef Net(): return nn.Linear(64, 10).half()", "keeps 'weight' as float16"),
    ("from torch import nn\ndef Net(): return nn.Linear(64, 10).double()", "keeps 'weight' as float64"),
    ("from torch import nn\ndef Net(num_classes): return nn.Linear(64, num_classes)", "net.py:Net cannot take images of 1 x 8 x 8 pixels"),
    ("from torch import nn\ndef Net(num_classes): return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 10))", "cannot take images of 1 x 8 x 8"),
    ("from torch import nn\ndef Net(): return nn.Sequential(nn.Flatten(), nn.Linear(64, 3))", "knows 3 classes, and this data set has 10"),
    ("from torch import nn\ndef Net(): return nn.Sequential(nn.Flatten(), nn.Linear(64, 11))", "knows 11 classes, and this data set has 10"),
    ("from torch import nn\ndef Net(): return nn.Conv2d(1, 10, 3)", "returned float32 [2, 10, 6, 6] for 2 images"),
    ("from torch import nn\nclass Net(nn.Module):\n    def __init__(self): self.fc = nn.Linear(64, 10)", "net.py:3: 'Net' cannot be made: it raised AttributeError"),
    ("from torch import nn\nclass Net(nn.Linear):\n    def __init__(self): super().__init__(64)", "net.py:3: 'Net' cannot be made: it raised TypeError"),
    ("from torch import nn\nclass Net(nn.Linear):\n    def __init__(self, *, depth): pass", "net.py:3: 'Net' cannot be made: it raised TypeError"),
    *[(NET.format(body=body), says) for body, says in (
        ("raise ValueError('a\\nb')", "net.py:8: net.py:Net: raised ValueError: a b"), ("exit()", "net.py:8: net.py:Net: called exit()"), ("return None", "net.py:7: net.py:Net returned None"),
        ("return self.fc(x.flatten(1)), x", "net.py:7: net.py:Net returned a tuple"), ("return [self.fc(x.flatten(1))]", "returned a list"), ("return {'logits': x}", "returned a dict"),
        ("return self.fc(x.flatten(1)).argmax(1)", "returned int64 [2] for 2 images"), ("return self.fc(x.flatten(1)).sum()", "returned float32 [] for 2 images"),
        ("return self.fc(x.flatten(1))[0]", "returned float32 [10] for 2 images"), ("return self.fc(x.flatten(1))[:1]", "returned float32 [1, 10] for 2 images"),
        ("return self.fc(x.flatten(1)).T", "returned float32 [10, 2] for 2 images"), ("return self.fc(x.flatten(1))[:, :4]", "knows 4 classes"),
        ("return self.fc(x)", "net.py:8: net.py:Net: raised RuntimeError"), ("return self.fd(x)", "net.py:8: net.py:Net: raised AttributeError"),
        ("return y", "net.py:8: net.py:Net: raised NameError"), ("return self.fc(x.flatten(1)).numpy()", "returned a ndarray"), ("return 3.0", "returned a float"),
        ("return self.fc(x.flatten(1)).long()", "returned int64 [2, 10]"), ("assert x.shape[1] == 3, 'RGB only'", "net.py:8: net.py:Net: raised AssertionError: RGB only"),
        ("return self(x)", "raised RecursionError"), ("return self.fc(x.view(2, 3, -1))", "net.py:8: net.py:Net: raised RuntimeError"),
        ("import no_such_module", "raised ModuleNotFoundError"), ("raise KeyError('k')", "raised KeyError: 'k'"), ("return self.fc(x.flatten(1)) > 0", "returned bool [2, 10]"),
        ("return (self.fc(x.flatten(1)), x) if self.training else self.fc(x.flatten(1))", "returned a tuple"),
        ("if self.training: raise ValueError('no training')\n        " + SOUND, "net.py:8: net.py:Net: raised ValueError: no training"),
        ("if len(x) > 2: raise ValueError('too many')\n        " + SOUND, "net.py:8: it raised ValueError: too many"),
        ("if len(x) > 2: exit()\n        " + SOUND, "net.py:8: it called exit()"))],
]  # fmt: skip
METHOD = """import torch
from torch import nn
from canforget import component
@component("{family}")
def mine({arguments}):
    {body}
"""
ARGUMENTS = {"unlearners": "model, forget, retain, *, rng", "quantizers": "model, calibration", "models": "num_classes, image_shape, *, rng",
             "scenarios": "train, *, rng, class_names", "datasets": "*, data_dir"}  # fmt: skip
PLUGINS: list[tuple[str, str, str]] = [
    *[(family, body, says) for family in ("unlearners", "quantizers", "models", "scenarios", "datasets") for body, says in (
        ("raise ValueError('no')", "p.py:6: plugin/mine raised ValueError: no"), ("exit(4)", "p.py:6: plugin/mine called exit(4)"),
        ("return None", "p.py:4: plugin/mine returned None"), ("return 3", "p.py:4: plugin/mine returned an int"), ("undefined", "p.py:6: plugin/mine raised NameError"))],
    ("unlearners", "return model.state_dict()", "p.py:4: plugin/mine returned an OrderedDict"),
    ("unlearners", "return (model,)", "p.py:4: plugin/mine returned a tuple"),
    ("unlearners", "return model(forget.x.float().flatten(1))", "p.py:6: plugin/mine raised"),
    ("unlearners", "return nn.Linear(3, 4)", "Linear cannot take images of 1 x 8 x 8 pixels"),
    ("unlearners", "return nn.Sequential(nn.Flatten(), nn.Linear(64, 4))", "p.py: plugin/mine returned another network"),
    ("unlearners", "model.net[8].weight.data.fill_(float('nan')); return model", "'net.8.weight' is not finite"),
    ("quantizers", "return calibration", "p.py:4: plugin/mine returned an Images"),
    ("quantizers", "return nn.Sequential(nn.Flatten(), nn.Linear(64, 4))", "p.py: plugin/mine returned another network"),
    ("models", "return nn.Identity()", "no parameters"),
    ("models", "return nn.Conv2d(1, 10, 3)", "returned float32 [2, 10, 6, 6]"),
    ("scenarios", "return 'all'", "p.py:4: plugin/mine returned a str"),
]  # fmt: skip
USES = {
    "unlearners": ["unlearn", "ORIGINAL", "--unlearner", "plugin/mine", "--scenario", "whole_class:classes=3"],
    "quantizers": ["quantize", "ORIGINAL", "--quantizer", "plugin/mine"],
    "models": ["train", "--model", "plugin/mine", "--dataset", "digits", "--fit", "epochs=1"],
    "scenarios": ["train", "--model", "tiny_cnn", "--dataset", "digits", "--scenario", "plugin/mine", "--retrain", "--fit", "epochs=1"],
    "datasets": ["train", "--model", "tiny_cnn", "--dataset", "plugin/mine", "--fit", "epochs=1"],
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound model file."""
    from canforget.network.build import build
    from canforget.rng import generator

    model = build("tiny_cnn", 10, (1, 8, 8), rng=generator("user code"), mean=(0.3,), std=(0.4,)).eval()
    origin = {"dataset": "digits", "scenario": "whole_class:classes=3"}
    return canforget.save(model, tmp_path_factory.mktemp("model") / "original.safetensors", origin=origin)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty folder to work in; what was imported from it and registered is forgotten afterwards."""
    from canforget import registry

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "_plugins", {})
    monkeypatch.setattr(registry, "_modules", {})
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    registry.outside_model.cache_clear()
    return tmp_path


def assert_refused(capsys: Any, folder: Path, arguments: list[str], says: str) -> None:
    """Asserts that a command is refused in one line that says so, and that nothing is written."""
    before = sorted(p.name for p in folder.iterdir())
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--out", "out.safetensors"])
    out = capsys.readouterr()
    assert (left.value.code, out.out, out.err.count("\n")) == (2, "", 1), out.err
    assert says in out.err
    assert sorted(p.name for p in folder.iterdir()) == before


@pytest.mark.parametrize("row", NETS, ids=[f"{i}-{says[:30]}" for i, (_, says) in enumerate(NETS)])
def test_a_net_of_ones_own_that_goes_wrong_is_named_with_its_line(row: Any, folder: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Of 115 nets and plugins 36 gave a traceback, some after a minute of training."""
    code, says = row
    (folder / "net.py").write_text(code)
    assert_refused(capsys, folder, ["train", "--model", "net.py:Net", "--dataset", "digits", "--fit", "epochs=1"], says)


@pytest.mark.parametrize("row", PLUGINS, ids=[f"{i}-{family}-{says[-20:]}" for i, (family, _, says) in enumerate(PLUGINS)])
def test_a_plugin_that_goes_wrong_is_named_with_its_line(row: Any, folder: Any, capsys: pytest.CaptureFixture[str], original: Any) -> None:
    """A method that returned nothing gave an AttributeError of ours; one that called `exit()` ended the study."""
    family, body, says = row
    (folder / "p.py").write_text(METHOD.format(family=family, arguments=ARGUMENTS[family], body=body))
    assert_refused(capsys, folder, [str(original) if a == "ORIGINAL" else a for a in [*USES[family], "--plugin", "p.py"]], says)


class Wrapped(nn.Module):
    """A net for Python calls that does as it is told."""

    def __init__(self, how: Any) -> None:
        super().__init__()
        self.fc, self.how = nn.Linear(64, 10), how

    def forward(self, x: torch.Tensor) -> Any:
        return self.how(self.fc(x.flatten(1)))


@pytest.mark.parametrize(
    ("how", "error", "says"),
    [
        (lambda z: (z, z), UserCodeError, r"test_bad_user_code\.py:\d+: Wrapped returned a tuple"),
        (lambda z: z[:, :3], ArtifactError, "Wrapped knows 3 classes, and this data set has 10"),
        (lambda z: 1 / 0, UserCodeError, r"test_bad_user_code\.py:\d+: Wrapped: raised ZeroDivisionError"),
        (lambda z: sys.exit(1), UserCodeError, r"test_bad_user_code\.py:\d+: Wrapped: called exit\(1\)"),
    ],
)
def test_a_wrapped_net_that_goes_wrong_is_named_by_every_verb(how: Any, error: Any, says: Any, digits_split: Split) -> None:
    """From Python, too, before anything is computed."""
    model = canforget.wrap(Wrapped(how), digits_split.retain)
    for use in (
        lambda: canforget.train(model, digits_split),
        lambda: canforget.unlearn(model, digits_split, "finetune"),
        lambda: canforget.quantize(model, digits_split, "int"),
        lambda: canforget.evaluate(model, digits_split),
    ):
        with pytest.raises(error, match=says):
            use()
