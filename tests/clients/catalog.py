"""The clients: which library, which package and version, which driver, and what it has no way to do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

HERE: Final = Path(__file__).parent
REQUIREMENTS: Final = HERE / "requirements"
#: The pinned versions of all libraries for Node.js.
PACKAGE_JSON: Final = REQUIREMENTS / "package.json"
TARGETS: Final = ("simulator", "bridge")
#: Variables that `make clients` sets: which versions are tested (`newest` or `pinned`), and which clients.
VERSIONS: Final = "SHERPA_TEST_CLIENT_VERSIONS"
ONLY: Final = "SHERPA_TEST_CLIENTS"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Client:
    """One client library."""

    name: str
    """Names its driver, its environment and its file of requirements."""
    title: str
    package: str
    """The package as its registry names it, with the extras that its documentation installs."""
    registry: str = "PyPI"
    tls: bool = False
    """Whether it connects over TLS only."""
    reconnects: bool = False
    """Whether it opens a new session by itself where one is lost; it reports an error then."""
    silent: bool = False
    """Whether it tells an application of a lost session only when it next sends something, by an error."""
    takes_text: bool = True
    """Whether the user can type; where not, the turns in text are spoken ones."""
    also: tuple[str, ...] = ()
    """Other packages that its documentation installs beside it."""
    cannot: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Scenarios for which the library has no API, with what it lacks."""

    @property
    def is_node(self) -> bool:
        """Whether it runs in Node.js."""
        return self.registry == "npm"

    @property
    def driver(self) -> Path:
        """The driver's file."""
        return HERE / "drivers" / (self.name + (".mjs" if self.is_node else ".py"))

    @property
    def requirements(self) -> Path:
        """The file that pins its version."""
        return PACKAGE_JSON if self.is_node else REQUIREMENTS / f"{self.name}.txt"

    @property
    def version(self) -> str:
        """The pinned version."""
        if self.is_node:
            return str(msgspec.json.decode(PACKAGE_JSON.read_bytes())["dependencies"][self.package])
        plain = self.package.partition("[")[0]
        found = re.search(rf"^{re.escape(plain)}==(\S+)", self.requirements.read_text(), re.MULTILINE)
        if found is None:
            raise LookupError(f"{self.requirements} pins no version of {plain}")
        return found[1]


_ALL = (
    Client(name="openai_python", title="OpenAI SDK for Python", package="openai[realtime]"),
    Client(name="openai_node", title="OpenAI SDK for Node.js", package="openai", registry="npm", tls=True),
    Client(name="openai_agents", title="OpenAI Agents SDK for Python", package="openai-agents"),
    Client(
        name="openai_agents_node",
        title="OpenAI Agents SDK for TypeScript",
        package="@openai/agents",
        registry="npm",
    ),
    Client(
        name="livekit",
        title="LiveKit Agents",
        package="livekit-plugins-openai",
        reconnects=True,
    ),
    Client(name="pipecat", title="Pipecat", package="pipecat-ai[openai]", silent=True),
    Client(
        name="pydantic_ai",
        title="Pydantic AI",
        package="pydantic-ai-slim[openai-realtime]",
        cannot=MappingProxyType({"session_update": "a session keeps the instructions that it was opened with"}),
    ),
    Client(
        name="ag2",
        title="AG2",
        package="ag2[openai]",
        also=("openai[realtime]",),
        silent=True,
        takes_text=False,
        cannot=MappingProxyType(
            {
                "text_turn": "its live agent takes speech only",
                "barge_in": "it tells an application of no interruption",
                "session_update": "a session keeps the instructions that it was opened with",
                **dict.fromkeys(
                    ("refused_key", "refused_upstream_key", "refused_credit", "refused_model"),
                    "it tells an application of no error",
                ),
            }
        ),
    ),
    Client(name="semantic_kernel", title="Semantic Kernel", package="semantic-kernel[realtime]"),
)
CLIENTS: Final[Mapping[str, Client]] = MappingProxyType({one.name: one for one in _ALL})
