"""All targets by name. A new parser gets a line in one of the lists."""

from .targets import bundles, files, machine, messages, network, secret, state, stored, web

_LISTS = (
    *(network.TARGETS, web.TARGETS, messages.TARGETS, state.TARGETS, stored.TARGETS),
    *(files.TARGETS, bundles.TARGETS, secret.TARGETS, machine.TARGETS),
)
TARGETS = {one.name: one for targets in _LISTS for one in targets}
