"""One line about batch norm and dropout, on several processes only."""

from types import SimpleNamespace

import pytest
from torch import nn

from vibespeaker.tasks.callbacks.process_remark import ProcessRemark, inexact_layers


@pytest.mark.parametrize(
    ("module", "found"),
    [
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0), nn.LSTM(2, 2, 2)), []),
        (nn.Sequential(nn.BatchNorm1d(2)), ["batch norm"]),
        (nn.Sequential(nn.LSTM(2, 2, 2, dropout=0.1)), ["dropout"]),
        (nn.Sequential(nn.SyncBatchNorm(2), nn.Dropout(0.1)), ["batch norm", "dropout"]),
    ],
)
def test_a_run_on_several_processes_says_what_makes_it_differ(module, found, caplog):
    assert inexact_layers(module) == found
    for processes in (1, 2):
        ProcessRemark().on_fit_start(SimpleNamespace(world_size=processes, is_global_zero=True), module)
    said = [record.getMessage() for record in caplog.records]
    expected = f"2 processes: the network has {' and '.join(found)}, so gradients are not exactly those of one process"
    assert said == ([expected] if found else [])
