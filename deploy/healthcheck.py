"""HEALTHCHECK of the image: 0 if SHERPA_HEALTH_URL answers with 2xx, or if it is empty. Standard library only."""

import os
import ssl
import sys
import urllib.request

url = os.environ.get("SHERPA_HEALTH_URL", "")
if not url:
    sys.exit(0)
unverified = ssl.create_default_context()
unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE  # its own address, by a name it doesn't have
try:
    with urllib.request.urlopen(url, timeout=3, context=unverified if url.startswith("https:") else None) as answer:
        sys.exit(0 if 200 <= answer.status < 300 else 1)
except OSError as error:
    sys.exit(f"{url}: {error}")
