"""The road from pictures to a published bundle, in steps that a laptop and a cluster both run.

Each step is a plain function over folders, in a module of its own; `components` wraps them for
Kubeflow Pipelines and `roads` joins them. Only those two, and `running`, import kfp.
"""
