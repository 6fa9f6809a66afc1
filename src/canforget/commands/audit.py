"""Audit an unlearned model by the standard audit: did it forget, in every format, beside retrained models; with a certificate."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from canforget.cli import options, output
from canforget.errors import SpecError

if TYPE_CHECKING:
    from canforget.cli.audit_files import AuditedFiles

Files = Annotated[list[Path] | None, typer.Option(show_default=False, help="Quantized files as they are deployed (.safetensors, .onnx).")]


def audit(
    unlearned: Annotated[Path | None, typer.Option(help="The model to be audited, in float32 (.safetensors).", show_default=False)] = None,
    original: Annotated[Path | None, typer.Option(help="The model before unlearning.", show_default=False)] = None,
    quantized: Files = None,
    retrained: Annotated[
        list[Path] | None, typer.Option(help="Models retrained without the forget set; three or more.", show_default=False)
    ] = None,
    scenario: Annotated[str | None, typer.Option(help="What was to be forgotten; default: what the file says.", show_default=False)] = None,
    dataset: Annotated[str | None, typer.Option(help="Data set; default: what the file says.", show_default=False)] = None,
    standard: Annotated[
        bool, typer.Option("--standard", help="The standard audit, version 1, without settings: there is no other.")
    ] = True,
    out: Annotated[Path | None, typer.Option(help="Also write the record as JSON here.", show_default=False)] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="Write a signed certificate here (.json), and its page.", show_default=False)
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Private key that signs it (canforget new-key).", show_default=False)] = None,
    study: Annotated[Path | None, typer.Option(help="Audit the models of a study: its folder of results.", show_default=False)] = None,
    store: options.StoreDir = Path("canforget-store"),
    unlearners: options.Names = None,
    split_seed: options.SplitSeed = 0,
    data_dir: options.DataDir = None,
    device: options.Device = "cpu",
    plugin: options.Plugins = None,
    json: options.Json = False,
) -> None:
    """Audit an unlearned model by the standard audit: did it forget, in every format, beside retrained models; with a certificate.

    Nothing can be tuned, so that figures of different authors compare. Without retrained models it says which questions stay open.

    Example: canforget audit --standard --original o.safetensors --unlearned u.safetensors --retrained g0.safetensors g1.safetensors
    g2.safetensors

    Example: canforget audit --unlearned u.safetensors --quantized int8.onnx --dataset cifar10 --scenario ids:file=request.txt
    """
    options.add_plugins(plugin)
    device = options.device_of(device)
    if study is not None:
        own = {"--unlearned": unlearned, "--original": original, "--retrained": retrained, "--quantized": quantized}
        if given := [flag for flag, value in (own | {"--certificate": certificate}).items() if value]:
            raise SpecError(f"audit: --study has its own models; drop {given[0]}, or --study")
        audit_models_of_study(study, store, unlearners or (), data_dir, device, out, json)
        return
    if unlearned is None:
        raise SpecError("audit: nothing to audit; pass --unlearned FILE, or --study RESULTS")
    if certificate is not None and key is None:
        raise SpecError("audit: --certificate: signed by whom? pass --key FILE (canforget new-key makes one)")
    from canforget.cli.audit_files import AuditedFiles

    files = AuditedFiles(unlearned, original, tuple(quantized or ()), tuple(retrained or ()))
    audit_model(
        files, out, certificate, key, json, dataset=dataset, scenario=scenario, split_seed=split_seed, data_dir=data_dir, device=device
    )


def audit_model(files: "AuditedFiles", out: Path | None, certificate: Path | None, key: Path | None, json: bool, **about: Any) -> None:
    """Audits one model, prints and writes what was found, and certifies it where that was asked for."""
    from canforget.auditing.certificate import CertificateFiles, write_certificate
    from canforget.cli.audit_files import audit_files
    from canforget.file_io import write_json

    if certificate is not None and key is not None:
        CertificateFiles(certificate).require_new(key)
    found = audit_files(files, **about)
    record = found.record
    if out is not None:
        write_json(out, record)
    if certificate is not None and key is not None:
        place, ids = CertificateFiles(certificate), found.split.forget.ids.tolist()
        record |= {"certificate": write_certificate(found.account, files.roles(), ids, place, key)}
        if out is not None:
            write_json(out, record)
    output.echo_json(record) if json else print(found.account.text())


def audit_models_of_study(
    results: Path, store: Path, unlearners: Sequence[str], data_dir: Path | None, device: str, out: Path | None, json: bool
) -> None:
    """Audits the models of a study one after another, each shown when it is done."""
    from canforget.cli.audit_study import audit_study
    from canforget.file_io import write_json

    records = []
    for title, account in audit_study(results, store, unlearners=unlearners, data_dir=data_dir, device=device):
        records.append(account.to_json())
        if not json:
            print(f"== {title}\n{account.text()}\n", flush=True)
        if out is not None:
            write_json(out, {"audits": records})
    if json:
        output.echo_json({"audits": records})
