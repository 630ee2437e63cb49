"""A strict HTML parser: every element must be closed in order, no attribute may occur twice."""

from __future__ import annotations

from html.parser import HTMLParser

#: Elements without an end.
_VOID = frozenset({"meta", "link", "wbr"})
#: Elements that run on in their line.
_INLINE = frozenset({"a", "b", "bdi", "code", "mark", "span", "time"})
#: What refers to elements of the page by their ids.
_BY_ID = ("aria-labelledby", "aria-describedby", "for")


class ParsedPage(HTMLParser):
    """A parsed page. Raises AssertionError if it is not well formed."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.pieces: list[str] = []
        self.inside: dict[str, list[str]] = {}
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"{tag} has an attribute twice: {names}"
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "svg" in self.open, f"<{tag}/> outside of a drawing"
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"
        if tag not in _INLINE:
            self.pieces.append(" ")

    def handle_data(self, data: str) -> None:
        self.inside.setdefault(self.open[-1] if self.open else "", []).append(data)
        if not {"style", "script"} & set(self.open):
            self.pieces.append(data)

    @property
    def text(self) -> str:
        """The readable text with normalized white space."""
        return " ".join("".join(self.pieces).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of all elements with this tag."""
        return [attributes for name, attributes in self.elements if name == tag]

    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]

    def named(self) -> set[str]:
        """IDs that something refers to."""
        links = {a["href"][1:] for _, a in self.elements if a.get("href", "").startswith("#")}
        return links | {name for _, a in self.elements for key in _BY_ID for name in a.get(key, "").split()}

    def loaded(self) -> list[str]:
        """URLs that a browser would load by itself."""
        sources = [
            a[key] for _, a in self.elements for key in ("src", "srcset", "poster", "data", "action") if key in a
        ]
        return sources + [a["href"] for tag, a in self.elements if tag not in {"a", "use"} and "href" in a]
