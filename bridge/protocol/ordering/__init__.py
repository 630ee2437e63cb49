"""The legal order of events, as a table-driven checker."""
