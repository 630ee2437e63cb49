"""A list of what a bridge sent or opened. Who asks for an item that is not there has found a fault of the bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, SupportsIndex, TypeVar, overload

from probes.conformance.verdict import fail

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


class ExpectedList(list[T], Generic[T]):
    """A list in which an index out of range ends the case with a failure, and not with an error of the suite."""

    def __init__(self, items: Iterable[T], what: str) -> None:
        """`what` says what its items are: `upstream sessions`."""
        super().__init__(items)
        self._what = what

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> T: ...

    @overload
    def __getitem__(self, index: slice, /) -> list[T]: ...

    def __getitem__(self, index: SupportsIndex | slice, /) -> T | list[T]:
        """Return an item, or some of them."""
        try:
            return super().__getitem__(index)
        except IndexError:
            number = index.__index__() if not isinstance(index, slice) else 0
            wanted = number + 1 if number >= 0 else -number
            fail(f"at least {wanted} {self._what}", f"{len(self)}")
