"""A score of probabilities that the published baselines are compared by."""

import numpy as np
import numpy.typing as npt


def mean_area(category: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> float:
    """Return the area under the curve of each class against the others, averaged over the classes that are there.

    Args:
        category: `(N,)` class positions.
        probabilities: `(N, classes)`.

    Returns:
        0 to 1, .5 for guessing; NaN where there is one class only.
    """
    from sklearn.metrics import roc_auc_score

    areas = [
        roc_auc_score(category == position, probabilities[:, position])
        for position in range(probabilities.shape[1])
        if 0 < (category == position).sum() < len(category)
    ]
    return float(np.mean(areas)) if areas else float("nan")
