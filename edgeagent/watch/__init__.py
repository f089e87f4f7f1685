"""What devices say, live, for people: one of them, or a fleet; never in the daemon.

* ``reading.py``     what may be believed of a message from a stranger, made harmless
* ``complete.py``    is anything lost: from boot, seq, low and gap alone
* ``fleet.py``       all that was heard, by device
* ``words.py``       an event in words
* ``frame.py``       a fleet as lines of a terminal (pure); ``spark.py`` its rates
* ``screen.py``      a terminal that is given back as it was
* ``hearing.py``     the connection, made anew whenever it is lost
"""
