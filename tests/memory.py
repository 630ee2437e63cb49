"""How much memory objects keep alive, counted object by object.

`tracemalloc` counts what the whole process allocates: threads of pytest-xdist, and tables of the interpreter that grow
at some time by millions of bytes, such as that of all interned strings.
"""

from __future__ import annotations

import gc
import sys
from types import BuiltinFunctionType, FunctionType, ModuleType

#: What a program holds anyway.
_CODE = (type, ModuleType, FunctionType, BuiltinFunctionType)


def held_bytes(*objects: object) -> int:
    """Return the bytes of these objects and of everything that they refer to, code aside."""
    waiting, seen, total = list(objects), set[int](), 0
    while waiting:
        one = waiting.pop()
        if id(one) not in seen and not isinstance(one, _CODE):
            seen.add(id(one))
            total += sys.getsizeof(one)
            waiting += gc.get_referents(one)
    return total
