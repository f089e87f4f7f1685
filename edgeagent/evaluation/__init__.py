"""How good a model is: asked on the device's own path, held against what is known to be there."""
