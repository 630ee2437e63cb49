"""The browser client and its page, and how they are served. The files are in `web/`."""
