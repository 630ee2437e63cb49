"""What an opener refuses before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bridge.config.resolve import Flags, read_config
from probes.runner.redaction import Secrets
from probes.runner.subject import OpenerInput
from probes.runner.usage import UsageError
from probes.targets.opening import bridge_opener

if TYPE_CHECKING:
    from pathlib import Path


def test_without_a_url_and_a_simulator_the_message_names_the_options(tmp_path: Path) -> None:
    config = read_config(Flags(), {}, tmp_path, with_key=False)
    opener_input = OpenerInput(
        config=config, environment={}, secrets=Secrets(), on_progress=lambda _: None, scenario=None
    )
    with pytest.raises(UsageError, match="no bridge to check: pass its URL with --url, or use --simulate"):
        bridge_opener(None, None).prepare(opener_input)
