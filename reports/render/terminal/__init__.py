"""The report on a terminal: `page.py` puts rows, tables, timelines and problem blocks together."""
