"""What commands print: JSON, a line a fact, and tables of values with intervals."""

from collections.abc import Mapping
from typing import Any


def echo_json(content: Any) -> None:
    """Prints JSON that is sorted and never holds NaN."""
    import json

    print(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False))


def tell(about: Mapping[str, Any], json: bool) -> None:
    """Prints what was written: as JSON, or a line a fact."""
    if json:
        echo_json(about)
        return
    width = max(map(len, about))
    print("\n".join(f"{key:<{width}}  {value}" for key, value in about.items() if value is not None))


def value_table(values: Mapping[str, Mapping[str, Any]]) -> str:
    """Values by name as aligned lines, with intervals, and the reason for each that was not run."""
    width = max(map(len, values))
    return "\n".join(f"{name:<{width}}  {worded(value)}" for name, value in values.items())


def worded(value: Mapping[str, Any]) -> str:
    """A value with its interval and the number it rests on.

    >>> worded({"value": 0.5, "interval": (0.4, 0.6), "n": 100, "not_run": ""})
    '0.5000  [0.4000, 0.6000]  n = 100'
    """
    if value["value"] is None:
        return f"not run: {value['not_run']}"
    interval = f"  [{value['interval'][0]:.4f}, {value['interval'][1]:.4f}]" if value["interval"] else ""
    return f"{value['value']:.4f}{interval}" + (f"  n = {value['n']}" if value["n"] else "")


def worded_bytes(count: int) -> str:
    """Bytes as a person says them.

    >>> worded_bytes(999), worded_bytes(12_345), worded_bytes(1_500_000_000)
    ('999 B', '12.3 kB', '1.5 GB')
    """
    size, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"
