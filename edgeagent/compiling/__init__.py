"""A bundle's file becomes one for the Edge TPU: by Google's compiler, wherever that runs."""
