"""Closes a bundle: lists every file with its digest, writes the manifest and the card."""

from dataclasses import replace

from edgeagent import contents, semver
from edgeagent.adding.manifest_text import manifest_text
from edgeagent.atomic import write_whole
from edgeagent.card import card
from edgeagent.contents import CARD, MANIFEST
from edgeagent.model import ANY_AGENT, FIRST_AGENT, Bundle


def seal(bundle: Bundle) -> Bundle:
    """Write what ``bundle`` is into its folder; the same files make the same bytes.

    An agent may read it meanwhile: what it reads is listed at every moment. Comments in a manifest
    that was written by hand go.

    Returns:
        The bundle with its contents listed.

    Raises:
        BundleError: its evaluation is none, or of another model; nothing was written.
        OSError: its folder cannot be written.
    """
    models = {file.path for file in bundle.files.values()}
    listed = contents.listing(bundle.folder, models)
    whole = replace(current(bundle), contents=listed)
    text = card(whole)
    write_whole(bundle.folder / MANIFEST, manifest_text(whole).encode())
    write_whole(bundle.folder / CARD, text.encode())
    return whole


def current(bundle: Bundle) -> Bundle:
    """Return ``bundle`` with a version and a least agent, where it is of before there were any.

    A version that is none, as a commit, stays, and with it is said of no agent that it is too old.
    """
    version = semver.completed(bundle.version)
    if bundle.least_agent != ANY_AGENT or semver.rank_of_any(version) == semver.UNKNOWN:
        return bundle
    return replace(bundle, version=version, least_agent=FIRST_AGENT)
