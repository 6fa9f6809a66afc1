"""What a user can get wrong: one line on standard error that names the thing and the way out, exit code 2, nothing printed, nothing written.

To append rows: a `Row` says what is typed, what the folder holds, and what the line must say. Give a family of rows a list of its own, and
add it to `ROWS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import pytest

from canforget.cli.app import main
from canforget.fit_settings import Fit
from canforget.hyperparameters import Member, in_words, is_tuple, literal_choices, mark_of
from canforget.registry import find, names


@dataclass(frozen=True)
class Row:
    """What is typed after `canforget`, what the one line must say, and the files that lie in the folder."""

    typed: tuple[str, ...]
    says: tuple[str, ...]
    files: Mapping[str, str | bytes | None] = field(default_factory=dict, hash=False)
    """Content by name; None makes a folder."""

    @property
    def name(self) -> str:
        """What identifies the row in a report of tests."""
        told = " ".join(self.typed) if not self.files else f"{' '.join(self.typed)} | {next(iter(self.files.values()))!r}"
        return ascii(told)[:100]


def typed(line: str, *says: str, **files: str | bytes | None) -> Row:
    """A row typed as words without spaces in them."""
    return Row(tuple(line.split()), says, files)


STUDY = {
    "datasets": '"digits"', "models": '"tiny_cnn"', "scenarios": '"whole_class:classes=3"', "unlearners": '"finetune"', "quantizers": '"none"',
}  # fmt: skip


def study(says: str, tail: str = "", **changes: str) -> Row:
    """A row for a study in TOML, sound but for some keys."""
    lines = [f"{key} = {value}" for key, value in (STUDY | changes).items()]
    return Row(("plan", "s.toml"), ("s.toml", says), {"s.toml": "\n".join([*lines, tail]) + "\n"})


def spec(axis: str, text: str, *says: str) -> Row:
    """A row for one entry of an axis, given by flags."""
    flags = {
        "datasets": "digits",
        "models": "tiny_cnn",
        "scenarios": "whole_class:classes=3",
        "unlearners": "finetune",
        "quantizers": "none",
    }
    return Row(("plan", *(word for key, value in (flags | {axis: text}).items() for word in (f"--{key}", value))), says)


USAGE = [
    typed("lst", "no command 'lst'", "did you mean 'list'?"),
    typed("--versoin", "no option '--versoin'", "--version"),
    typed("run --storre x", "no option '--storre'", "did you mean '--store'?"),
    typed("plan --engine serial", "no option '--engine'", "canforget plan --help"),
    typed("train --model", "--model", "requires an argument"),
    typed("train --model tiny_cnn", "--dataset is missing", "digits"),
    typed("train --dataset digits", "--model is missing"),
    typed("train extra --model tiny_cnn --dataset digits", "extra", "canforget train --help"),
    typed("unlearn", "MODEL is missing"),
    typed("unlearn m.safetensors", "--unlearner is missing"),
    typed("unlearn m.safetensors --unlearner scrub", "--scenario is missing"),
    typed("quantize", "MODEL is missing"),
    typed("quantize m.safetensors", "--quantizer is missing"),
    typed("evaluate", "MODEL is missing"),
    typed("evaluate --retrained g0.safetensors g1.safetensors", "MODEL is missing", "before --retrained"),
    typed("sweep-bits", "MODEL is missing"),
    typed("adopt", "WEIGHTS is missing"),
    typed("adopt w.pth", "--model is missing"),
    typed("check", "PATH is missing"),
    typed("run --workers x", "--workers", "x", "integer"),
    typed("run --workers 0", "--workers", "0", "1"),
    typed("run --workers 100000", "--workers", "10000"),
    typed("run --workers 1.5", "--workers", "1.5"),
    typed("run --json=3", "--json", "does not take a value"),
    typed("run --unlearners", "--unlearners: nothing follows it"),
    typed("run --unlearners --json", "--unlearners: nothing follows it"),
    typed("plan s.toml --seeds", "--seeds: nothing follows it"),
    typed("plan --set", "--set: nothing follows it"),
    typed("show --columns", "--columns: nothing follows it"),
    typed("list unlearners scrub more", "more", "canforget list --help"),
    typed("list unlearner", "no family 'unlearner'", "did you mean 'unlearners'?"),
    typed("list unlearners scurb", "did you mean 'scrub'?"),
    typed("list quantizers in", "did you mean 'int'?"),
    typed("list unlearners ../errors", "no '../errors'"),
    typed("train --model tiny_cnn --dataset digits --seed x", "--seed", "x"),
    typed("train --model tiny_cnn --dataset digits --seed -1", "--seed", "-1"),
    typed("train --model tiny_cnn --dataset digits --split-seed -1", "--split-seed", "-1"),
    typed("sweep-bits m.safetensors --bits 9", "--bits", "9", "8"),
    typed("sweep-bits m.safetensors --bits 1", "--bits", "1", "2"),
    typed("sweep-bits m.safetensors --bits four", "--bits", "four"),
    typed("sweep-bits m.safetensors --layer-bits 0", "--layer-bits", "0"),
    typed("sweep-bits m.safetensors --neighbor-bits 16", "--neighbor-bits", "16"),
]

FILES = [
    typed("run absent.toml", "absent.toml: no such study file"),
    typed("run --unlearners scrub absent.toml", "absent.toml: no such study file"),
    typed("plan absent.toml --seeds 2", "absent.toml: no such study file"),
    Row(("plan", "s.toml"), ("s.toml: is a folder", "name the study's file"), {"s.toml": None}),
    Row(("plan", "s.toml"), ("s.toml: not valid TOML",), {"s.toml": "a = "}),
    Row(("plan", "s.toml"), ("s.toml: not valid TOML",), {"s.toml": "a = 1\na = 2\n"}),
    Row(("plan", "s.toml"), ("s.toml: not valid TOML",), {"s.toml": "[fit]\n[fit]\n"}),
    Row(("plan", "s.toml"), ("s.toml: not valid TOML",), {"s.toml": f"seeds = {'9' * 5000}\n"}),
    Row(("plan", "s.toml"), ("s.toml: not valid TOML",), {"s.toml": f"a = {'[' * 5000}\n"}),
    Row(("plan", "s.toml"), ("s.toml: not valid TOML",), {"s.toml": "{}\n"}),
    Row(("plan", "s.toml"), ("s.toml: not a text file in UTF-8",), {"s.toml": b"\xff\xfe\x00"}),
    Row(("run", "s.toml"), ("s.toml: is a folder",), {"s.toml": None}),
    typed("show absent", "absent", "no such file"),
    typed("results absent", "absent", "no such file"),
    typed("results absent --format cvs", "no format 'cvs'", "did you mean 'csv'?"),
    typed("results absent --out table", "table does not say", "markdown"),
    typed("results absent --format parquet", "name a file by --out"),
    typed("results absent --seed -1", "--seed", "-1"),
    typed("compare", "A is missing"),
    typed("compare absent", "B is missing"),
    typed("compare absent absent", "absent", "no such file"),
    typed("compare absent m.safetensors", "absent is no model file"),
    typed("compare m.safetensors n.safetensors", "m.safetensors: no such file"),
    typed("compare a@b@c@d x", "FOLDER@UNLEARNER@FORMAT"),
    typed("rerun", "RECORD is missing"),
    typed("rerun absent", "absent", "no such file"),
    typed("rerun absent --seed -1", "--seed", "-1"),
    typed("rerun absent --draw x", "--draw", "x"),
    typed("run s.toml --track", "--track", "requires an argument"),
    typed("watch absent", "absent: no run has written here", "canforget run --out absent"),
    Row(("watch", "r"), ("r: no run has written here",), {"r": None}),
    typed("watch --onec", "no option '--onec'", "--once"),
    typed("watch a b", "b", "canforget watch --help"),
    typed("show absent --schemaa", "did you mean '--schema'?"),
    typed("check absent.py", "absent.py: no such plugin file"),
    typed("list --plugin absent.py", "absent.py: no such plugin file"),
    Row(("check", "p.py"), ("p.py", "no function marked @component"), {"p.py": "x = 1\n"}),
    Row(("check", "p.py"), ("p.py:1: not valid Python",), {"p.py": "def f(:\n"}),
    Row(("check", "p.py"), ("p.py", "not a file of Python"), {"p.py": b"\xff\xfe"}),
    Row(("check", "p.py"), ("p.py", "name its family"), {"p.py": "@component()\ndef f(): ...\n"}),
    Row(("check", "p.py"), ("p.py:1", "must be literals"), {"p.py": '@component("unlearners", version=V)\ndef f(): ...\n'}),
    Row(("check", "p.py"), ("p.py:2", "fit.epochs: 0"), {"p.py": '@component("unlearners")\ndef f(*, fit: Fit = Fit(epochs=0)): ...\n'}),
    Row(
        ("list", "--plugin", "p.py"), ("p.py:2", "must be literals, ranges"), {"p.py": '@component("models")\ndef f(*, a: int = b): ...\n'}
    ),
    typed("train --model tiny_cnn --dataset digits --out x.pth", "x.pth", "written as .safetensors"),
    Row(
        ("train", "--model", "tiny_cnn", "--dataset", "digits", "--out", "x.safetensors"),
        ("is a folder; name a file",),
        {"x.safetensors": None},
    ),
    typed("unlearn absent.safetensors --unlearner scrub --scenario whole_class:classes=3", "absent.safetensors"),
    typed("quantize absent.safetensors --quantizer int", "absent.safetensors"),
    typed("evaluate absent.safetensors", "absent.safetensors"),
    typed("sweep-bits absent.safetensors", "absent.safetensors"),
    typed("adopt absent.safetensors --model tiny_cnn --dataset digits", "absent.safetensors"),
    typed("train --model absent.py:Net --dataset digits", "absent.py"),
    Row(
        ("train", "--model", "n.py:Ned", "--dataset", "digits"),
        ("n.py has no 'Ned'", "did you mean 'Net'?"),
        {"n.py": "class Net: ...\n"},
    ),
]

FLAGS = [
    typed("train --model tiny_cn --dataset digits", "--model", "did you mean 'tiny_cnn'?"),
    typed("train --model tiny_cnn:widht=8 --dataset digits", "no hyperparameter 'widht'", "did you mean 'width'?"),
    typed("train --model tiny_cnn --dataset digit", "did you mean 'digits'?"),
    typed("train --model tiny_cnn --dataset digits --retrain", "--retrain", "--scenario"),
    typed("train --model tiny_cnn --dataset digits --device cdua", "--device: no device 'cdua'", "did you mean 'cuda'?"),
    typed("train --model tiny_cnn --dataset digits --fit epoch=3", "--fit has no field 'epoch'", "did you mean 'epochs'?"),
    typed("train --model tiny_cnn --dataset digits --fit 3", "name=value"),
    typed("train --model tiny_cnn --dataset digits --fit epochs=3,epochs=4", "'epochs' is given twice"),
    typed("train --model tiny_cnn --dataset digits --fit cutout=9", "fit.cutout", "at most 8"),
    typed("train --model tiny_cnn --dataset digits --fit crop=8", "fit.crop", "at most 7"),
    typed("train --model tiny_cnn --dataset digits --scenario whole_clas:classes=3", "did you mean 'whole_class'?"),
    typed("train --model tiny_cnn --dataset digits --scenario whole_class", "'classes' is required"),
    typed("train --model tiny_cnn --dataset digits --scenario whole_class:classes=13", "13", "0 to 9"),
    typed("train --model tiny_cnn --dataset digits --scenario random_samples", "either", "fraction"),
    typed("unlearn m.safetensors --unlearner scurb --scenario whole_class:classes=3", "--unlearner", "did you mean 'scrub'?"),
    typed("unlearn m.safetensors --unlearner scrub:alpha=-1 --scenario whole_class:classes=3", "--unlearner: scrub.alpha: -1.0"),
    typed("quantize m.safetensors --quantizer int:bits=9", "--quantizer: int.bits: 9 is not int in [2, 8]"),
    typed("quantize m.safetensors --quantizer itn", "did you mean 'int'?"),
    typed("quantize m.safetensors --quantizer int:rounding=hqq", "symmetric=false"),
    typed("sweep-bits m.safetensors --quantizer int:rnages=mse", "did you mean 'ranges'?"),
    typed("adopt w.safetensors --model tiny_cnn --dataset digits --mean a", "--mean: 'a'", "0.49"),
    typed("adopt w.safetensors --model tiny_cnn --dataset digits --mean 0.5,nan", "--mean[1]: nan", "0.49"),
    typed("adopt w.safetensors --model tiny_cnn --dataset digits --std 1;2", "--std: '1;2'"),
    typed("adopt w.safetensors --model tiny_cnn --dataset digits --std 0", "--std: 0.0 is not float > 0"),
    typed("adopt w.safetensors --model tiny_cnn --dataset digits --std 0.2,-0.2", "--std[1]: -0.2"),
    typed("plan --seeds ²", "--seeds: ²", "write a count"),
    typed("plan --seeds -1", "--seeds: -1"),
    typed("plan --seeds 1.5", "--seeds: 1.5"),
    typed("plan --seeds three", "--seeds: three"),
    typed(f"plan --seeds {'9' * 5000}", "--seeds: 9999"),
    typed("plan --set noise_draws", "--set: noise_draws: write key=value"),
    typed("plan --set seeds=3", "seeds have --seeds"),
    typed("plan --set =3", "--set: =3: write key=value"),
    typed("plan --set 3=3", "--set: 3=3"),
    Row(("plan", "--set", "a\nb=3"), ("--set: a\\nb=3",)),
    *(Row((*spec("seeds", value).typed,), (said,)) for value, said in (("0", "seeds: 0"), ("1000000000", "seeds: 1000000000"))),
    Row((*spec("models", "tiny_cnn").typed, "--seeds", "1", "1"), ("seeds: [1, 1]", "different numbers")),
    *(
        Row((*spec("models", "tiny_cnn").typed, "--set", value), (f"flags: {said}",))
        for value, said in (
            ("noise_drawz=3", "no key 'noise_drawz'; did you mean 'noise_draws'?"),
            ("noise_draws=5", "noise_draws: 5 can decide nothing"),
            ("noise_draws=-1", "noise_draws: -1"),
            ("noise_draws=1000000000000", "noise_draws: 1000000000000 is not int in [0, 10000]"),
            ("noise_draws=x", "noise_draws: 'x'"),
            ("noise_images=0", "noise_images: 0"),
            ("calibration=0", "calibration: 0"),
            ("calibration=1e3", "calibration: 1000.0"),
            ("judged_retain=0", "judged_retain: 0"),
            ("val_fraction=nan", "val_fraction: nan is not float in (0, 0.5)"),
            ("val_fraction=a", "val_fraction: 'a'"),
            ("val_fraction=0.5", "val_fraction: 0.5"),
            ("val_fraction=0", "val_fraction: 0.0"),
            ("held_out_fraction=1", "held_out_fraction: 1.0"),
            ("held_out_fraction=-0.1", "held_out_fraction: -0.1"),
            ("split_seed=-1", "split_seed: -1"),
            ("features=maybe", "features: 'maybe' is not true | false"),
            ("probes=3", "probes[0]: probes: no '3'"),
            ("name=", "name: '' is not text"),
            (
                "metrics=acuracy",
                "metrics[0]",
            ),
            ("audits=membershp", "audits[0]"),
            ("fit.epochs=0", "fit.epochs: 0"),
            ("fit.epoch=1", "fit has no field 'epoch'; did you mean 'epochs'?"),
            ("fit=3", "fit: '3': write the fields"),
        )
    ),
]

KEYS = [
    study("no key 'sedes'; did you mean 'seeds'?", "sedes = 3"),
    study("no key 'where'", "where = 3"),
    study("no key 'cls'", "cls = 3"),
    study("no key 'path'", "path = 3"),
    study("fit: 'x': write the fields to change", fit='"x"'),
    study("fit: 3: write the fields to change", fit="3"),
    study("fit: [1]: write the fields to change", fit="[1]"),
    study("seeds: -1 is not int", seeds="[-1]"),
    study("seeds: 1000000000: give a count from 1 to 1000", seeds="1000000000"),
    study("seeds: 0: give a count", seeds="0"),
    study("seeds: []", seeds="[]"),
    study("seeds: [1, 1]", seeds="[1, 1]"),
    study("seeds: True", seeds="true"),
    study("seeds: 'three'", seeds='"three"'),
    study("seeds: 1.5", seeds="1.5"),
    study("seeds[1]: 'a'", seeds='[0, "a"]'),
    study("seeds: nan", seeds="nan"),
    study("val_fraction: nan", val_fraction="nan"),
    study("val_fraction: 'a'", val_fraction='"a"'),
    study("val_fraction: 0.7", val_fraction="0.7"),
    study("val_fraction: inf", val_fraction="inf"),
    study("val_fraction: [0.1]", val_fraction="[0.1]"),
    study("calibration: True", calibration="true"),
    study("calibration: 2.5", calibration="2.5"),
    study("name: 3", name="3"),
    study("features: 1 is not true | false", features="1"),
    study("probes[0]: probes: no 'yes'", probes='"yes"'),
    study("probes[0]: probes: no 'relearnin'; did you mean 'relearning'?", probes='["relearnin"]'),
    study("noise_draws: 5 can decide nothing; give 0, or at least 19", noise_draws="5"),
    study("split_seed: datetime", split_seed="2020-01-01"),
    study("unlearners: none given; name at least one (canforget list unlearners)", unlearners="[]"),
    study("models: none given", models="[]"),
    study("unlearners[0]: 3: write a name", unlearners="3"),
    study("unlearners[0]: {'alpha': 1}: write a name", unlearners="{alpha = 1}"),
    study("unlearners[1]: unlearners: no ''", unlearners='["scrub", ""]'),
    study("unlearners[0]: scrub has no hyperparameter 'fits'; did you mean 'fit'?", unlearners='{name = "scrub", fits = {epochs = 1}}'),
    study("scrub.fit: 3", unlearners='{name = "scrub", fit = 3}'),
    study("scrub.fit.epochs: 0", unlearners='{name = "scrub", fit = {epochs = 0}}'),
    study("scrub.max_epochs: True", unlearners='{name = "scrub", max_epochs = true}'),
    study("scrub.max_epochs: 1.5", unlearners='{name = "scrub", max_epochs = 1.5}'),
    study("scrub.alpha: '1'", unlearners='{name = "scrub", alpha = "1"}'),
    study("scrub.alpha: inf", unlearners='{name = "scrub", alpha = inf}'),
    study("ste.base: unlearners: no 'neggrad_pluss'; did you mean", unlearners='{name = "ste", base = "neggrad_pluss"}'),
    study("ste.base: neggrad_plus.fit.epochs: 0", unlearners='{name = "ste", base = {fit = {epochs = 0}}}'),
    study("ste.base: npo has no hyperparameter 'btea'", unlearners='{name = "ste", base = {name = "npo", btea = 1}}'),
    study("models[0]: tiny_cnn.width: 0", models='{name = "tiny_cnn", width = 0}'),
    study("models[0].fit.epochs: -3", models='{name = "tiny_cnn", fit = {epochs = -3}}'),
    study("models[0].fit: 3", models='{name = "tiny_cnn", fit = 3}'),
    study("datasets[0]: datasets: no 'digit'; did you mean 'digits'?", datasets='"digit"'),
    study("scenarios[0]: whole_class.classes: ()", scenarios='{name = "whole_class", classes = []}'),
    study("whole_class.classes[1]: -1", scenarios='{name = "whole_class", classes = [1, -1]}'),
    study("metrics[0]: accuracy.view: 'tset' is not forget", metrics='"accuracy:view=tset"'),
    study("metrics[0]: accuracy.view: ''", metrics='"accuracy:view="'),
    study("audits[0]: membership.signals: 'phii'", audits='{name = "membership", signals = ["phii"]}'),
    study("audits[0]: recovery.measures[1]: 'margn'", audits='{name = "recovery", measures = ["rank", "margn"]}'),
    *(
        study(f"fit.{name}: {shown}", fit=f"{{{name} = {value}}}")
        for name, value, shown in (
            ("epochs", "0", "0"), ("epochs", "-3", "-3"), ("epochs", "2.5", "2.5"), ("epochs", "true", "True"), ("epochs", "1000000000000", "1000000000000"),
            ("lr", "-1", "-1.0"), ("lr", "0", "0.0"), ("lr", "nan", "nan"), ("lr", '"fast"', "'fast'"), ("batch_size", "0", "0"),
            ("momentum", "1", "1.0"), ("momentum", "-0.5", "-0.5"), ("weight_decay", "-1", "-1.0"), ("label_smoothing", "2", "2.0"),
            ("label_smoothing", "-0.1", "-0.1"), ("patience", "-1", "-1"), ("cutout", "-1", "-1"), ("cutout", "10000", "10000"), ("crop", "-1", "-1"),
            ("average", "1", "1.0"), ("warmup", "1.5", "1.5"), ("clip", "-1", "-1.0"), ("bits", "1", "1"), ("bits", "9", "9"), ("flip", "1", "1"),
            ("optimizer", '"sdg"', "'sdg' is not sgd | adam | adamw | muon; did you mean 'sgd'?"), ("schedule", '"cosin"', "'cosin'"),
            ("precision", '"half"', "'half'"), ("compile", "0", "0"),
        )
    ),
    study("fit.nesterov: Nesterov's step needs a momentum", fit="{nesterov = true, momentum = 0}"),
]  # fmt: skip

IMAGES = [
    Row(
        ("plan", "s.toml"),
        ("fit.cutout: a square of 1000 pixels does not fit into images of 8 x 8", "at most 8"),
        study("", fit="{cutout = 1000}").files,
    ),
    Row(("plan", "s.toml"), ("fit.crop", "at most 7"), study("", fit="{crop = 8}").files),
    spec("unlearners", "scrub:fit.cutout=9", "scrub:fit.cutout=9: fit.cutout", "at most 8"),
    spec("unlearners", "ste:base.fit.crop=9", "base: fit.crop", "at most 7"),
    spec("scenarios", "whole_class:classes=cat", "nothing was run", "cat"),
    spec("scenarios", "whole_class:classes=10", "nothing was run", "0 to 9"),
    spec("scenarios", "random_samples:count=100000", "nothing was run", "100000"),
    spec("scenarios", "ids:file=absent.txt", "absent.txt"),
    spec("datasets", "cifar10", "cifar10"),
    spec("datasets", "image_folder:folder=absent", "image_folder", "--data-dir"),
    spec("datasets", "parquet:folder=absent", "parquet", "--data-dir"),
]

SPECS = [
    spec("unlearners", "scurb", "did you mean 'scrub'?"),
    spec("unlearners", "scrub:alhpa=1", "no hyperparameter 'alhpa'", "did you mean 'alpha'?"),
    spec("unlearners", "scrub:5", "write hyperparameters as name=value"),
    spec("unlearners", "scrub:=5", "write hyperparameters as name=value"),
    spec("unlearners", "scrub:alpha=1,alpha=2", "'alpha' is given twice"),
    spec("unlearners", "scrub:fit=2", "scrub.fit: '2': write the fields"),
    spec("unlearners", "scrub:fit.epochs=1,2", "scrub.fit.epochs: '1,2'"),
    spec("unlearners", "scrub:alpha.beta=2", "scrub.alpha: {'beta': '2'}"),
    spec("unlearners", "nothing:a=1", "it has none", "canforget list unlearners nothing"),
    spec("unlearners", "ssd:alpha=-1", "ssd.alpha: -1.0 is not float"),
    spec("unlearners", "ste:base=neggrad_pluss", "ste.base", "did you mean 'neggrad_plus'?"),
    spec("unlearners", "ste:base=ssd", "ste.base: 'ssd' does not train on"),
    spec("unlearners", "sure:base=sure", "sure.base: 'sure' does not train on"),
    spec("unlearners", "ste:fit.epochs=2", "ste has no hyperparameter 'fit'"),
    spec("unlearners", "absent/method", "no 'absent/method'"),
    spec("unlearners", "plugin/absent", "no 'plugin/absent'"),
    spec("unlearners", "a\nb", "no 'a\\nb'"),
    spec("unlearners", "x" * 5000, "xxx..."),
    spec("quantizers", "int:bits=9", "int.bits: 9 is not int in [2, 8]"),
    spec("quantizers", "int:bits=1", "int.bits: 1"),
    spec("quantizers", "int:bits=0", "int.bits: 0"),
    spec("quantizers", "int:bits=8.0", "int.bits: 8.0"),
    spec("quantizers", "int:rounding=hqq", "symmetric=false"),
    spec("quantizers", "int:granularity=per_group,group_size=1000000", "int.group_size: 1000000 is not int in [2, 4096]"),
    spec("quantizers", "int:group_size=32", "add granularity=per_group"),
    spec("quantizers", "int:percentile=5,ranges=percentile", "int.percentile: 5.0 is not float in [50, 100]"),
    spec("quantizers", "int:percentile=99", "add ranges=percentile"),
    spec("quantizers", "int:reestimate_norms=true,symmetric=false", "reestimate_norms knows plain weights only"),
    spec("quantizers", "int:full_range=true,symmetric=false", "full_range"),
    spec("quantizers", "int:seed=3", "add rounding=stochastic"),
    spec("quantizers", "int:granularity=per_chanel", "did you mean 'per_channel'?"),
    spec("quantizers", "int:symmetric=maybe", "int.symmetric: 'maybe' is not true | false"),
    spec("quantizers", "float8:format=e4m2", "e4m3 | e5m2", "did you mean 'e5m2'?"),
    spec("scenarios", "whole_class", "'classes' is required", "write whole_class:classes=..."),
    spec("scenarios", "whole_class:classes=3,fraction=2", "whole_class.fraction: 2.0 is not float in (0, 1]"),
    spec("scenarios", "random_samples", "give either fraction"),
    spec("scenarios", "random_samples:fraction=0.1,count=3", "give only one of fraction"),
    spec("scenarios", "random_samples:count=0", "random_samples.count: 0 is not int >= 1 | None"),
    spec("scenarios", "ids", "'file' is required"),
    spec("scenarios", "ids:file=", "ids.file: '' is not text"),
    spec("models", "speed_net:widths=1,2", "speed_net.widths"),
    spec("models", "absent.py:Net", "absent.py"),
    spec("models", "resnet20:depth=-1", "resnet20.depth: -1"),
]


def out_of_range() -> list[Row]:
    """For every hyperparameter of every member two values that it cannot have: a word that it does not know, and a number below its range."""
    rows = []
    for family in ("datasets", "scenarios", "models", "unlearners", "quantizers", "metrics", "audits"):
        for name in (n for n in names(family) if "/" not in n):
            for p in find(family, name).parameters:
                for text in wrong(p.type):
                    line = f"{name}:{p.name}={text}"
                    line += "".join(f",{q.name}=3" for q in find(family, name).parameters if q.default is q.required and q is not p)
                    says = (
                        f"{name}.{p.name}",
                        "write" if p.type is Fit else "canforget list" if mark_of(p.type, Member) else in_words(first(p.type)),
                    )
                    if family in ("metrics", "audits"):
                        rows.append(study(says[0], **{family: f'"{line}"'}))
                    else:
                        rows.append(spec(family, line, *says))
    return rows


def first(kind: Any) -> Any:
    """The type that an error names: of a list, that of its members."""
    if is_tuple(kind):
        inner = get_args(get_args(kind)[0] if hasattr(kind, "__metadata__") else kind)
        return inner[0] if inner[-1] is Ellipsis else kind
    return kind


def wrong(kind: Any) -> list[str]:
    """Values that a hyperparameter of this type cannot have, as one types them."""
    if kind is Fit or mark_of(kind, Member):
        return ["qqq"]
    words = in_words(kind)
    if "text" in words:
        return []
    return ["qqq", "-7"] if "int" in words or "float" in words or literal_choices(kind) else ["qqq"]


ROWS = [*USAGE, *FILES, *FLAGS, *KEYS, *IMAGES, *SPECS, *out_of_range()]


def listing(folder: Path) -> dict[str, Any]:
    """Everything that lies in a folder, with its content."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


@pytest.mark.parametrize("row", ROWS, ids=[f"{i}-{row.name}" for i, row in enumerate(ROWS)])
def test_a_bad_input_is_one_line_that_names_the_thing_and_the_way_out(
    row: Any, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Boxes of usage, tracebacks and warnings were printed; folders were made; what could not be was planned without a word."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CANFORGET_DATA_DIR", raising=False)
    for name, content in row.files.items():
        path = tmp_path / name
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    before = listing(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(row.typed)
    out, err = capfd.readouterr()
    assert left.value.code == 2
    assert err.startswith("canforget: ")
    assert err.endswith("\n") and len(err.splitlines()) == 1
    assert len(err) < 1000
    for words in row.says:
        assert words in err
    assert not out
    assert listing(tmp_path) == before


def test_there_are_rows_enough_and_none_twice() -> None:
    assert len(ROWS) >= 250
    assert len({(row.typed, str(row.files)) for row in ROWS}) == len(ROWS)
    assert {row.typed[0] for row in ROWS} >= {
        "train",
        "adopt",
        "unlearn",
        "quantize",
        "evaluate",
        "sweep-bits",
        "plan",
        "run",
        "show",
        "list",
        "check",
    }
