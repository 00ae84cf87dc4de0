"""Freed memory stays with the process, so that small work does not ask for it again."""

import subprocess
import sys

import pytest

CODE = """
import resource, sys
import numpy as np
from vibespeaker.processes.allocation import keep_freed_memory
kept = sys.argv[1] == "kept" and keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():  # temporary arrays of 400 KB, the last of them at the end of the heap
    return [np.ones(100_000, np.float32) for _ in range(4)][0][0]
for _ in range(5):
    work()
before = faults()
for _ in range(50):
    work()
print(kept, faults() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the C library is another one")
def test_page_faults_end_once_memory_is_kept():
    found = {}
    for way in ("kept", "returned"):
        run = subprocess.run([sys.executable, "-c", CODE, way], capture_output=True, text=True, check=True)
        word, count = run.stdout.split()
        found[way] = int(count)
        if way == "kept" and word == "False":
            pytest.skip("this C library cannot be told")
    assert found["kept"] < 50 < found["returned"]
