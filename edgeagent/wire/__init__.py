"""What is said, to the bytes that are sent, at the moment of sending.

Only then is it known how old an event is, whether it comes from the backlog, and whether the wall
clock can be trusted after all.

* ``fields.py``       an event as fields; ``device.py`` what a device says besides
* ``encodings.py``    which encoding the settings name; a file for each: ``json.py``, ``cbor.py``,
  ``cloudevents.py``
* ``bounds.py``       the most that one message may be
* ``reading.py``      the way back, for people's tools; not in the daemon

The JSON Schemas beside this file bound every field there is; ``messages.cddl`` is made of them
(``scripts/cddl``) and says the same of CBOR.
"""
