"""Every parser that faces the network or the disk, given bytes that nobody meant.

* ``target.py``    what a target is: bytes and an empty folder go in; which errors may come out
* ``table.py``     all of them, by name; ``targets/`` has them by where their bytes come from
* ``mangling.py``  real inputs cut, flipped, spliced, nested, with numbers nobody would write
* ``guard.py``     one input under watch: errors, time, memory, what is written where
* ``child.py``     a process of its own for each target; ``scripts/fuzz`` and the suite begin it
* ``corpus/``      what once broke a parser, or led far into one: run first, each time
"""
