from canforget.study.environment import machine, processor, versions


def test_versions_name_what_decides_numbers() -> None:
    assert {"canforget", "torch", "numpy", "python"} <= versions().keys()


def test_a_machine_says_what_a_reader_of_a_timing_wants_to_know() -> None:
    found = machine()
    assert found.keys() == {"processor", "cores", "instructions", "system"}
    assert found["cores"] >= 1
    assert processor() == found["processor"]
