"""Which label policy prediction tables are scored by: their own, unless told otherwise."""

import logging
from collections.abc import Mapping, Sequence

from vibespeaker.labels.policy import UNRECORDED, LabelPolicy, narrowest
from vibespeaker.predictions import PredictionsMetadata

log = logging.getLogger(__name__)


def scoring_policy(
    tables: Sequence[tuple[object, PredictionsMetadata]], changes: Mapping[str, str] | None = None
) -> LabelPolicy:
    """Return the policy that tables scored together share; where they differ, it is said once and the narrowest holds.

    Tables that record none (older ones, and those of other programs) follow the others; where none records one, all
    known attributes are scored.

    Args:
        tables: what errors and logs call a table, usually its path, and its metadata.
        changes: fields of the policy that were told otherwise.

    Raises:
        ConfigError: a change names no field, or a value that it does not allow.
    """
    recorded = {str(name): metadata.label_policy for name, metadata in tables if metadata.label_policy is not None}
    policies = list(dict.fromkeys(recorded.values()))
    chosen = narrowest(policies) if policies else UNRECORDED
    if len(policies) > 1 and not changes:
        firsts = [next(name for name, policy in recorded.items() if policy == one) for one in policies]
        log.warning(
            "the tables were made under different label policies (%s); scored are the labels that count by all of "
            "them (%s); --policy says otherwise",
            "; ".join(f"{name}: {policy}" for name, policy in zip(firsts, policies, strict=True)),
            chosen,
        )
    return chosen.changed(changes or {})
