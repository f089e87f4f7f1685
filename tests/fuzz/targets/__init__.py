"""The targets, by where their bytes come from."""
