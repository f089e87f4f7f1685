"""What only a model that has run can tell: shapes, pixels or fractions, scores or not."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgeagent.adding.anatomy import Anatomy
from edgeagent.adding.guess import Guess, check_outputs
from edgeagent.adding.showing import Shown
from edgeagent.errors import BundleError


def completed(main: Anatomy, found: Guess, shown: Sequence[Shown]) -> tuple[Anatomy, Guess]:
    """Return both with what could only be known when the model had run.

    Raises:
        BundleError: what it gave is not what such a model gives.
    """
    if not shown:
        check_outputs(main, found)
        return main, found
    first = shown[0].outputs
    ports = zip(main.outputs, first, strict=True)
    outputs = tuple(replace(p, spec=replace(p.spec, shape=o.shape)) for p, o in ports)
    main = replace(main, outputs=outputs)
    check_outputs(main, found)
    if found.decoder == "classify":
        _check_shares(main, found, shown)
    if found.decoder == "yolo" and outputs[0].spec.scale == 0 and _in_pixels(shown):
        found = replace(found, params=replace(found.params, coordinates="pixels"))
    return main, found


def _check_shares(main: Anatomy, found: Guess, shown: Sequence[Shown]) -> None:
    place = found.roles["scores"]
    for one in shown:
        scores = main.outputs[place].spec.dequantise(one.outputs[place])
        if not (np.isfinite(scores).all() and scores.min() > -0.01 and scores.max() < 1.01):
            raise BundleError(
                f"{main.path}: gives scores of {scores.min():.3g} to {scores.max():.3g}, not of 0 "
                "to 1; a classifier must end in a softmax"
            )


def _in_pixels(shown: Sequence[Shown]) -> bool:
    """Say whether a float YOLO gives boxes in pixels: in fractions none is far beyond 1."""
    rows = np.concatenate([one.outputs[0] for one in shown])
    centred = rows[..., :4] if rows.shape[1] > rows.shape[2] else rows[:, :4]
    return bool(np.abs(centred).max() > 4)
