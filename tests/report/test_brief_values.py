from canforget.report.brief_values import brief_table


def value(number: float | None, interval: object = None, not_run: str = "") -> dict[str, object]:
    return {"value": number, "interval": interval, "n": None, "not_run": not_run}


def test_few_values_are_read_first_and_the_rest_is_counted() -> None:
    values = {
        "forget.accuracy": value(0.5, (0.4, 0.6)),
        "average_gap": value(None, None, "needs retrained models"),
        "forget.f1": value(0.1),
    }
    shown = brief_table(values)
    assert "forget.accuracy  0.500  [0.400, 0.600]  accuracy on the forget set" in shown[1]
    assert shown[2:] == ["  average_gap  not run: needs retrained models", "1 more: --wide, or --json."]
    assert max(map(len, shown)) <= 100
