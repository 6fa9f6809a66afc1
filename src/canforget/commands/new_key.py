"""Make a key pair to sign certificates with: the private file for you alone, the public one for whoever verifies."""

from pathlib import Path
from typing import Annotated

import typer

from canforget.cli import options, output


def new_key(
    path: Annotated[Path, typer.Argument(help="Where the private key goes; the public one lies beside it as .pub.pem.")] = Path(
        "auditor.pem"
    ),
    json: options.Json = False,
) -> None:
    """Make a key pair to sign certificates with: the private file for you alone, the public one for whoever verifies.

    Example: canforget new-key auditor.pem
    """
    from canforget.auditing.signature import new_key as make_key

    public = make_key(path)
    output.tell({"private": str(path), "public": str(public), "type": "Ed25519"}, json)
