"""A package, or the `tests` that gmqtt installs would be found in its place by the benches."""
