from canforget.cli.outlook_text import outlook_text


def test_an_outlook_on_a_cluster_is_said_in_words() -> None:
    about = {
        "workers": 16, "gpus": 4, "steps": 9, "seconds": 7200.0, "at_least_seconds": 3600.0, "worker_seconds": 90000.0, "gpu_seconds": 28800.0,
        "cpu_seconds": 36000.0, "bytes": 3e9, "peak_bytes": 1.2e9, "critical_path": {"seconds": 3600.0, "steps": [{"label": "train x", "seconds": 3600.0}]},
        "by_verb": {"train": 72000.0, "unlearn": 18000.0}, "by_member": {"train resnet18": 72000.0, "unlearn scrub": 18000.0},
        "curve": [{"workers": 1, "seconds": 90000.0, "speed_up": 1.0}, {"workers": 2, "seconds": 45000.0, "speed_up": 2.0}],
        "basis": {"twin": 6, "assumed": 2, "unknown": 1}, "unknown": {"unlearn ssd": 1}, "busy": 2.5, "idle_seconds": 2880.0,
        "places": {"1 thread of chip": 8}, "checked": {"steps": 6, "alone": 2, "median_error": 0.07, "ratio": 0.98},
    }  # fmt: skip
    text = outlook_text(about)
    for part in (
        "on 16 workers and 4 GPUs: at least 2 h 00 min; no schedule takes less than 1 h 00 min",
        "in all 25 h 00 min of workers, 8 h 00 min of GPUs, 10 h 00 min of processors; 3.0 GB on the disk, memory of a worker up to 1.2 GB",
        "by verb: train 80% · unlearn 20%", "dearest: train resnet18 80% · unlearn scrub 20%", "2   12 h 30 min         2.0",
        "estimated: 6 as they took with other seeds; 2 by the speed-up given for GPUs", "unknown, counted as nothing: 1 unlearn ssd",
        "2.5 times the processor's seconds", "on idle ones it is 48 min 00 s",
        "checked: 6 steps that took place (2 had nothing alike), each estimated from the others: off by 7% in the median, all together 0.98",
    ):  # fmt: skip
        assert " ".join(part.split()) in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 100
