"""The command line as a test calls it."""

from typing import Any

from canforget.cli.app import main


def call(capsys: Any, *arguments: Any) -> Any:
    """Exit code, standard output and standard error of `canforget ...`; without `capsys` (a fixture of a module), nothing of these two."""
    code = 0
    try:
        main([str(a) for a in arguments])
    except SystemExit as leave:
        code = int(leave.code or 0)
    said = capsys.readouterr() if capsys else None
    return code, *(said or ("", ""))
