"""Verify a certificate: its signature, the files that it speaks of, and the request that it covers."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from canforget.cli import options, output
from canforget.errors import SpecError

if TYPE_CHECKING:
    from canforget.auditing.verification import Verification


def verify(
    certificate: Annotated[Path, typer.Argument(help="The signed certificate (.json).", show_default=False)],
    files: Annotated[list[Path] | None, typer.Argument(help="Files to check; default: those beside it.", show_default=False)] = None,
    public_key: Annotated[Path | None, typer.Option(help="The auditor's public key (.pub.pem).", show_default=False)] = None,
    request: Annotated[Path | None, typer.Option(help="Text file of the ids that it must cover, one a line.", show_default=False)] = None,
    salt: Annotated[Path | None, typer.Option(help="The certificate's salt, which opens its scope.", show_default=False)] = None,
    prove: Annotated[int | None, typer.Option(help="Print evidence that this id is covered.", show_default=False)] = None,
    proof: Annotated[Path | None, typer.Option(help="Check such evidence.", show_default=False)] = None,
    json: options.Json = False,
) -> None:
    """Verify a certificate: its signature, the files that it speaks of, and the request that it covers.

    Exit code 1 if something does not hold.

    Example: canforget verify certificate.json int8.onnx --public-key auditor.pub.pem

    Example: canforget verify certificate.json --public-key auditor.pub.pem --request ids.txt --salt certificate.salt
    """
    if public_key is None:
        raise SpecError("verify: whose signature? pass --public-key FILE, got from the auditor and not with the certificate")
    if (request is None) != (salt is None) or (prove is not None and request is None):
        raise SpecError("verify: a scope is opened by both --request and --salt; pass both")
    from canforget.auditing import verification
    from canforget.data.request import ids_in

    found = verification.verified(certificate, files or [], public_key)
    ids = ids_in(request) if request is not None else []
    problems = [*found.problems, *(verification.request_problems(found, ids, salt) if salt is not None else [])]
    problems += verification.proof_problems(found, proof) if proof is not None else []
    if prove is not None and salt is not None and not problems:
        output.echo_json(asdict(verification.proof_for(found, ids, salt, prove)))
    elif json:
        output.echo_json(asdict(found) | {"problems": problems, "holds": not problems})
    else:
        print("\n".join(said(found, problems, request)))
    if problems:
        raise typer.Exit(1)


def said(found: "Verification", problems: list[str], request: Path | None) -> list[str]:
    """The outcome in lines."""
    if problems:
        return [f"does not hold: {line}" for line in problems]
    lines = [f"{found.certificate}: holds", f"verdict: {found.word}: {found.said}"]
    lines += [f"as audited: {', '.join(found.matched)}"] if found.matched else []
    lines += [f"not checked: {', '.join(found.unchecked)}"] if found.unchecked else []
    return lines + ([f"covers exactly the request in {request}"] if request else [])
