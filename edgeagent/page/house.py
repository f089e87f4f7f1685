"""What the page's answers are made from: the token, who has said it, what there is to tell."""

from dataclasses import dataclass
from importlib import resources

from edgeagent.config import Config
from edgeagent.page.hosts import Hosts
from edgeagent.page.sessions import Sessions
from edgeagent.page.show import Show
from edgeagent.page.telling import Feed, Teller
from edgeagent.page.token_file import Token
from edgeagent.page.tries import Tries


@dataclass(slots=True)
class House:
    """What the answers are made from. One for each time the page is opened."""

    config: Config
    """As it was when the page was opened."""
    feed: Feed
    token: Token
    tries: Tries
    sessions: Sessions
    hosts: Hosts
    show: Show
    files: dict[str, bytes]

    @property
    def cookie(self) -> str:
        """Name of the session's cookie; a browser keeps one for each device on one host."""
        prefix = "__Host-" if self.config.page.cert_file else ""
        return f"{prefix}edgeagent-{self.config.device_name}"


def furnished(feed: Feed, token: Token) -> House:
    """Return a house in which nobody is yet."""
    config = feed.config
    folder = resources.files("edgeagent.page") / "static"
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    show, mono_s = Show(feed, Teller(feed)), feed.clock.mono_s
    hosts = Hosts(config.page.hosts)
    return House(config, feed, token, Tries(mono_s), Sessions(mono_s), hosts, show, files)
