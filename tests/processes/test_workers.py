import os
import subprocess
import sys
import time

WORK = """
import os, sys, time
from vibespeaker.processes.workers import worker_pool, parent_environment
import subprocess
def work(_):
    print(os.getpid(), flush=True)
    time.sleep(60)
if __name__ == "__main__":
    started = subprocess.Popen(
        [sys.executable, "-c", "import os, time; from vibespeaker.processes.workers import end_with_parent;"
         "end_with_parent(); print(os.getpid(), flush=True); time.sleep(60)"],
        env={**os.environ, **parent_environment()})
    with worker_pool(1) as pool:
        pool.submit(work, 0).result()
"""


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_killed_process_started_ends_with_it(tmp_path) -> None:
    (tmp_path / "work.py").write_text(WORK)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, str(tmp_path / "work.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        children = [int(parent.stdout.readline()) for _ in range(2)]
        parent.kill()
    deadline = time.monotonic() + 20
    while any(map(is_running, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, children))
