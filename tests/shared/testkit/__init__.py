"""What several tiers of tests share: servers to start, events to write, suites that adapters inherit."""

import pytest

pytest.register_assert_rewrite("testkit.cases")
