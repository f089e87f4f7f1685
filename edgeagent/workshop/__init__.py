"""The model workshop: from a model as it was trained to a bundle; on a laptop, not a device."""
