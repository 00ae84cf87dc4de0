"""Several processes on one cache, and processes that are killed; forked, so that nothing is imported again."""

import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.extract.toy import all_frames, make_corpus, read, spec, write_specs
from vibespeaker.cache import EmbeddingCache, shards
from vibespeaker.cache.shards import shard_names
from vibespeaker.extract import extract
from vibespeaker.processes.claims import Claims

pytestmark = [
    pytest.mark.slow,
    # Python 3.12 warns of every fork beside torch's threads; the children here compute on their own
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]
CLIPS, SHARD = 41, 4
fork = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, CLIPS, max_samples=6_000)
    run(folder, "undisturbed", delay=0.0)
    return folder


def run(
    corpus: Path, cache: str, delay: float, log: Path | None = None, workers: int = 0, is_alone: bool = False
) -> None:
    sound = spec("StridedFrames", delay=delay, log=None if log is None else str(log))
    # the second encoder shares each reading of a clip; only the first one counts
    other = {} if is_alone else {"other": spec("StridedFrames", salt="other")}
    specs = write_specs(corpus / f"{cache}.{os.getpid()}.yaml", sound=sound, **other)
    options = {"batch_clips": 2, "shard_size": SHARD, "views": 1, "workers": workers}
    assert extract(corpus / "manifest.parquet", specs, corpus / cache, **options) == 0


def run_interruptibly(*arguments: object) -> None:
    # whoever starts the tests in the background may have told them to ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run(*arguments)


def start(*arguments: object) -> multiprocessing.process.BaseProcess:
    process = fork.Process(target=run_interruptibly, args=arguments)
    process.start()
    return process


def counts(log: Path) -> Counter[str]:
    return Counter(log.read_text().splitlines())


@pytest.mark.parametrize(("seed", "workers"), [(0, 0), (1, 0), (2, 1)])
def test_killed_at_any_moment_it_goes_on_and_ends_as_if_undisturbed(corpus: Path, seed: int, workers: int) -> None:
    moments, kills = random.Random(seed), 0
    cache, log = f"killed{seed}", corpus / f"log{seed}"
    while True:
        process = start(corpus, cache, 0.03, log, workers)
        # later and later, since on a busy machine a process may not get anywhere in half a second
        process.join((moments.uniform(0.1, 0.5) + 0.5 * workers) * (1 + kills / 20))
        if process.exitcode is not None:
            break
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        kills += 1
    assert process.exitcode == 0
    assert kills >= 2 - workers  # starting readers takes long, so the moments are later
    for name in ("sound", "other"):
        assert all_frames(corpus / cache, name) == all_frames(corpus / "undisturbed", name)
    # a kill costs the shard at work, the one being written, and a batch on its way
    planned = len(all_frames(corpus / cache, "sound"))
    assert planned <= sum(counts(log).values()) <= planned + kills * (2 * SHARD + 2)
    shards = {path.name for path in (corpus / cache / "sound" / "shards").iterdir()}
    assert shards == {path.name for path in (corpus / "undisturbed" / "sound" / "shards").iterdir()}


def test_processes_share_the_work_and_none_returns_early(corpus: Path) -> None:
    log = corpus / "shared.log"
    processes = [start(corpus, "shared", 0.02, log) for _ in range(3)]
    while all(process.is_alive() for process in processes):
        time.sleep(0.01)
    assert len(EmbeddingCache.open(corpus / "shared").entries("sound", read(corpus / "manifest.parquet"))) == CLIPS
    for process in processes:
        process.join()
        assert process.exitcode == 0
    for name in ("sound", "other"):
        assert all_frames(corpus / "shared", name) == all_frames(corpus / "undisturbed", name)
    # nothing twice: augmented and clean clips all differ
    assert set(counts(log).values()) == {1}
    assert sum(counts(log).values()) == len(all_frames(corpus / "shared", "sound"))


def test_survivor_takes_over_from_a_killed_process(corpus: Path) -> None:
    first, second = (start(corpus, "survived", 0.05, corpus / "survived.log") for _ in range(2))
    while not shard_names(corpus / "survived" / "sound"):
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    first.join()
    second.join()
    assert second.exitcode == 0
    assert all_frames(corpus / "survived", "sound") == all_frames(corpus / "undisturbed", "sound")


def test_interrupt_leaves_only_whole_shards(corpus: Path) -> None:
    process = start(corpus, "interrupted", 0.05)
    while not shard_names(corpus / "interrupted" / "sound"):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    process.join()
    assert process.exitcode == 1
    files = [path.name for path in (corpus / "interrupted").rglob("*") if path.is_file()]
    assert not [name for name in files if name.endswith(".tmp")]
    run(corpus, "interrupted", 0.0)
    assert all_frames(corpus / "interrupted", "sound") == all_frames(corpus / "undisturbed", "sound")


def hang_in_a_shard(corpus: Path, cache: str, sign: Path) -> None:
    """Extract until half of the third shard is on disk, then tell and wait."""
    taken = []
    bytes_of = shards._bytes_of

    def bytes_until(frames: torch.Tensor) -> np.ndarray:
        taken.append(frames)
        if len(taken) == 2 * 2 * SHARD + SHARD // 2:  # every clip's bytes are written, then summed
            sign.touch()
            time.sleep(600)
        return bytes_of(frames)

    shards._bytes_of = bytes_until
    run(corpus, cache, 0.01, is_alone=True)


def test_killed_in_the_middle_of_a_shard_it_goes_on_from_the_last_whole_one(corpus: Path, tmp_path: Path) -> None:
    process = fork.Process(target=hang_in_a_shard, args=(corpus, "halved", tmp_path / "sign"))
    process.start()
    while not (tmp_path / "sign").exists():
        assert process.is_alive()
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    folder = corpus / "halved" / "sound"
    assert len(shard_names(folder)) == 2
    assert len(list(folder.rglob("*.tmp"))) == 1
    run(corpus, "halved", 0.0)
    assert all_frames(corpus / "halved", "sound") == all_frames(corpus / "undisturbed", "sound")
    assert not list(folder.rglob("*.tmp"))


def test_readers_leave_with_a_killed_process(corpus: Path) -> None:
    process = start(corpus, "readers", 0.05, None, 2)
    while not shard_names(corpus / "readers" / "sound"):
        time.sleep(0.01)
    readers = [int(word) for word in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    assert len(readers) == 2
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    deadline = time.monotonic() + 20
    while any(is_running(reader) for reader in readers):
        assert time.monotonic() < deadline, "a reader outlived its parent"
        time.sleep(0.1)


def is_running(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def hold(path: Path, name: str, taken: "multiprocessing.synchronize.Event") -> None:
    with Claims(path) as claims:
        assert claims.take(name)
        taken.set()
        time.sleep(60)


def test_claim_is_free_again_once_its_owner_is_killed(tmp_path: Path) -> None:
    name, other, taken = "0123456789abcdef", "1123456789abcdef", fork.Event()
    holder = fork.Process(target=hold, args=(tmp_path / "lock", name, taken))
    holder.start()
    assert taken.wait(30)
    with Claims(tmp_path / "lock") as claims:
        assert not claims.take(name)
        assert claims.take(other)
        os.kill(holder.pid, signal.SIGKILL)
        holder.join()
        assert claims.take(name)
        claims.release(name)
