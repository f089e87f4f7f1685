"""A look that somebody asked for."""

import threading

from edgeagent.findings import Label
from edgeagent.glance import Glance, Glances, look_now

CAT = Label("cat", 0.9)


def test_who_asks_gets_what_was_seen() -> None:
    glances = Glances()

    def look() -> None:
        while not glances:
            pass
        for glance in glances.take():
            glance.settle([CAT])

    looker = threading.Thread(target=look)
    looker.start()
    told = look_now({"yard": glances.ask}, "a1", 5.0)
    looker.join()
    assert (told["yard"].seen, told["yard"].why, told["yard"].id) == ((CAT,), "", "a1")


def test_a_wish_nobody_waits_for_any_longer_is_forgotten() -> None:
    glances = Glances()
    told = look_now({"yard": glances.ask, "door": glances.ask}, "a1", 0.01)
    assert {glance.why for glance in told.values()} == {"no frame was looked at in time"}
    assert not glances
    assert glances.take() == []


def test_the_first_answer_counts() -> None:
    glance = Glance("a1")
    glance.refuse("not armed")
    glance.settle([CAT])
    assert (glance.seen, glance.why) == ((), "not armed")
