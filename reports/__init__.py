"""Reports: the findings, timelines and measurements of a run, and their renderings.

`model.py` defines what a report is. `render/` writes it in each format, `store/` writes and reads files, `compare/`
compares two runs, and `cli.py` is the command `sherpa-report`.
"""
