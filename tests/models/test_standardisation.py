"""Standardisation: the statistics of all that was seen, however it was cut into batches."""

import torch

from vibespeaker.models.standardisation import Standardisation


def test_statistics_are_those_of_all_batches_together() -> None:
    torch.manual_seed(0)
    values = torch.randn(50, 4) * torch.tensor([1e-6, 1.0, 1e3, 0.0]) + torch.tensor([0.0, 5.0, -1e3, 7.0])
    norm = Standardisation(4)
    torch.testing.assert_close(norm.eval()(values), values)  # nothing was seen
    norm.train()
    for part in values.split([3, 1, 30, 16]):
        norm(part)
    assert int(norm.count) == 50
    torch.testing.assert_close(norm.mean, values.mean(0))
    standard = norm.eval()(values)
    expected = (values[:, :3] - values[:, :3].mean(0)) / values[:, :3].std(0, correction=0)
    torch.testing.assert_close(standard[:, :3], expected, rtol=1e-3, atol=1e-3)
    assert not standard[:, 3].any()  # constant
    assert int(norm.count) == 50
    assert norm(values * 2).isfinite().all()
