"""What `sherpa-load run` does around Locust: preflight check, bridge and simulator, Locust's process, report files."""
