"""Imported before everything else by `probes.cli`: from here on Ctrl-C is remembered, while the imports still run."""

from __future__ import annotations

from probes.runner.interrupts import INTERRUPTS

INTERRUPTS.hold()
