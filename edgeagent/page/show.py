"""When the page is told what: twice a second while somebody watches, and hardly anything else."""

from edgeagent.page.readers import Pipe, Readers
from edgeagent.page.telling import Feed, Teller
from edgeagent.page.trends import SAMPLE_S

TICK_S = 0.5
STATE_S = 2.0


class Show:
    """All that is sent to those who watch. For one thread, which calls `tick` each `TICK_S`."""

    def __init__(self, feed: Feed, teller: Teller) -> None:
        self._feed, self._teller = feed, teller
        self.readers = Readers()
        self._sampled_s = self._stated_s = float("-inf")

    def join(self, pipe: Pipe) -> None:
        """Begin to send to ``pipe``: at once all there is."""
        if not len(self.readers):
            self._want(True)
            self._stated_s = float("-inf")
        self.readers.join(pipe)
        self._tell()

    def leave(self, pipe: Pipe) -> None:
        """Send no more to it; the cameras' lookers need not say any more what they see."""
        self.readers.leave(pipe)
        if not len(self.readers):
            self._want(False)

    def tick(self) -> None:
        """Do what is due."""
        now_s = self._feed.clock.mono_s()
        if now_s - self._sampled_s >= SAMPLE_S:
            self._teller.sample()
            self._sampled_s = now_s
        if len(self.readers):
            self._tell()
            if not len(self.readers):
                self._want(False)

    def close(self) -> None:
        """Hang up on all who watch."""
        self.readers.close()
        self._want(False)

    def _tell(self) -> None:
        now_s = self._feed.clock.mono_s()
        news = {"live": self._teller.live(), "events": self._teller.events()}
        if now_s - self._stated_s >= STATE_S:
            news = {"plan": self._teller.plan(), "state": self._teller.state(), **news}
            self._stated_s = now_s
        self.readers.tell(news)

    def _want(self, wanted: bool) -> None:
        for glimpse in self._feed.glimpses.values():
            glimpse.want(wanted)
