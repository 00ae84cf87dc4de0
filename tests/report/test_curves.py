import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from vibespeaker.report.curves import read_logs


def log(folder, points, start=1000.0, suffix=""):
    """Write (tag, step, value), one per second, as a run does."""
    writer = EventFileWriter(str(folder), filename_suffix=suffix)
    for second, (tag, step, value) in enumerate(points):
        event = Event(step=step, wall_time=start + second)
        event.summary.value.add(tag=tag, simple_value=value)
        writer.add_event(event)
    writer.close()
    return next(folder.glob(f"*{suffix}"))


def test_scalars_come_back_in_order_of_steps(tmp_path):
    log(tmp_path / "logs", [("val/loss", 10, 2.0), ("train/loss", 5, 3.0), ("val/loss", 20, 1.0)])
    logs = read_logs(tmp_path)
    assert list(logs.curves) == ["train/loss", "val/loss"]
    np.testing.assert_array_equal(logs.curves["val/loss"].steps, [10, 20])
    np.testing.assert_allclose(logs.curves["val/loss"].values, [2, 1])
    assert logs.seconds == pytest.approx(2)


def test_a_resumed_run_goes_on_and_its_pause_does_not_count(tmp_path):
    log(tmp_path, [("lr", 1, 0.1), ("lr", 2, 0.2), ("lr", 3, 0.3)], suffix=".a")
    log(tmp_path, [("lr", 3, 0.5), ("lr", 4, 0.4)], start=9000.0, suffix=".b")
    logs = read_logs(tmp_path)
    np.testing.assert_array_equal(logs.curves["lr"].steps, [1, 2, 3, 4])
    np.testing.assert_allclose(logs.curves["lr"].values, [0.1, 0.2, 0.5, 0.4])
    assert logs.seconds == pytest.approx(3)


def test_a_file_cut_by_a_kill_is_read_up_to_the_cut(tmp_path):
    path = log(tmp_path, [("lr", step, 0.1) for step in range(50)], suffix=".x")
    path.write_bytes(path.read_bytes()[:-20])
    assert len(read_logs(tmp_path).curves["lr"].steps) == 49


def test_no_logs_are_no_curves(tmp_path):
    logs = read_logs(tmp_path)
    assert not logs.curves
    assert np.isnan(logs.seconds)
