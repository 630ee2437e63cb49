"""Decoding a source file as its language would: byte order marks, Python's coding line, a page's charset."""

from __future__ import annotations

import codecs
import io
import re
import tokenize

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?([\w-]+)""", re.IGNORECASE)
#: Where a page declares its charset, at the latest.
_CHARSET_WITHIN = 1024


def encoding_of(data: bytes, suffix: str) -> str:
    """Return the name of the encoding that a file declares; UTF-8 if it declares none, or one that doesn't exist."""
    marked = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    if marked:
        return marked
    declared = "utf-8"
    if suffix in {".py", ".pyi"}:
        try:
            declared = tokenize.detect_encoding(io.BytesIO(data).readline)[0]
        except SyntaxError:
            return declared
    elif suffix in {".html", ".htm"}:
        found = _CHARSET.search(data[:_CHARSET_WITHIN])
        declared = found[1].decode() if found else declared
    try:
        return codecs.lookup(declared).name
    except LookupError:
        return "utf-8"
