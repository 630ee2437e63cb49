"""The HTML report: `page.py` fills the templates from the views that the other modules build."""
