"""All targets by name. A new parser gets a line in one of the lists."""

from .targets import files, machine, network, state

TARGETS = {
    one.name: one for one in (*network.TARGETS, *state.TARGETS, *files.TARGETS, *machine.TARGETS)
}
