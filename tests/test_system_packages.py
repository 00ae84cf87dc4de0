"""What the system lacks is a reason to skip, and a failure where nothing may be missing."""

import pytest

from tests.app.browser import chromium


@pytest.mark.parametrize(("required", "outcome"), [("", pytest.skip.Exception), ("required", pytest.fail.Exception)])
def test_without_a_browser_its_tests_skip_and_fail_where_it_is_required(monkeypatch, tmp_path, required, outcome):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("VIBESPEAKER_SYSTEM_PACKAGES", required)
    with pytest.raises(outcome, match=r"no Chromium \(apt-get install chromium\)"):
        chromium()
