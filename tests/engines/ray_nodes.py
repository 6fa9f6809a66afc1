"""A Ray cluster of real processes on this machine, held by a process of its own: nodes are added, and killed as a power cut does."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Nodes:
    """The cluster as its user knows it: an address, and commands to the process that holds it."""

    def __init__(self, process: Any, address: str) -> None:
        self.process, self.address = process, address

    def ask(self, *words: Any) -> Any:
        """Has the holder carry out a command, and returns its answer."""
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def kill(self, node: int) -> None:
        """Kills the processes of a node, without a farewell."""
        self.ask("kill", node)


@contextmanager
def ray_nodes(folder: Path, *nodes: dict[str, Any]) -> Iterator[Nodes]:
    """A cluster of nodes, each with its resources and its environment, as in {"num_cpus": 1, "env_vars": {"A": "b"}}; Ray's files lie in `folder`, whose path must be short."""
    about = {
        **os.environ,
        "RAY_TMPDIR": str(folder),
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "RAY_AUTH_MODE": "disabled",
        "RAY_worker_niceness": "0",
    }
    command = [sys.executable, "-W", "ignore", __file__, json.dumps(nodes)]
    process = subprocess.Popen(command, env=about, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise TimeoutError("the cluster did not start")
        yield Nodes(process, json.loads(line))
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def hold(specifications: list[dict[str, Any]]) -> None:
    """Holds a cluster, and does what is asked on standard input, until that ends."""
    os.environ.update(RAY_ENABLE_UV_RUN_RUNTIME_ENV="0", RAY_USAGE_STATS_ENABLED="0")
    answers = os.dup(1)
    os.dup2(2, 1)  # what Ray prints is no answer

    def answer(what: Any) -> None:
        os.write(answers, (json.dumps(what) + "\n").encode())

    from ray.cluster_utils import Cluster

    cluster: Any = Cluster()
    nodes = [cluster.add_node(**settings(s)) for s in specifications]
    answer(cluster.address)
    for line in sys.stdin:
        verb, *words = json.loads(line)
        if verb == "kill":
            cluster.remove_node(nodes[words[0]], allow_graceful=False)
        answer("done")
    cluster.shutdown()


def settings(specification: dict[str, Any]) -> dict[str, Any]:
    """Of a node: with ports of its own choice it waits 15 seconds for an agent to tell them, which on a busy machine is too short."""
    from tests.study.s3_server import free_port

    ports = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
    return {"object_store_memory": 80_000_000, "include_dashboard": False, **{name: free_port() for name in ports}, **specification}


if __name__ == "__main__":
    hold(json.loads(sys.argv[1]))
