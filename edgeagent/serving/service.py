"""What a cluster is told so that KServe serves a bundle: one runtime for all of them, one service.

The runtime knows a single format, the bundle: what is in it, and so what runs it, the manifest
says.
"""

import json
import re

from edgeagent import __version__
from edgeagent.model import Bundle

PORT = 8080
"""Where KServe's own containers listen, and where its proxy looks."""

_YAML = """\
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata:
  name: edgeagent
spec:
  supportedModelFormats:
    - name: edgeagent-bundle
      version: "1"
      autoSelect: true
  protocolVersions: [v2]
  multiModel: false
  containers:
    - name: kserve-container
      image: {image}
      args: [models, serve, /mnt/models/, --host, 0.0.0.0, --port, "{port}"]
      ports:
        - name: http1
          containerPort: {port}
          protocol: TCP
      readinessProbe:
        httpGet:
          path: /v2/health/ready
          port: {port}
      resources:
        requests: {{cpu: 500m, memory: 384Mi}}
        limits: {{cpu: "1", memory: 1Gi}}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        runAsNonRoot: true
        capabilities:
          drop: [ALL]
---
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: {name}
  annotations:
    edgeagent/bundle: {bundle}
    edgeagent/version: {version}
    edgeagent/sha256: {sha256}
spec:
  predictor:
    minReplicas: 1
    containerConcurrency: 8
    model:
      modelFormat:
        name: edgeagent-bundle
        version: "1"
      runtime: edgeagent
      protocolVersion: v2
      storageUri: {storage}
"""


def inference_service(bundle: Bundle, image: str, storage: str) -> str:
    """Return the YAML of a runtime and of a service for ``bundle``.

    Args:
        bundle: what is to be served.
        image: the container's, made by ``packaging/Containerfile.serve``.
        storage: where KServe fetches the bundle's folder: ``pvc://``, ``s3://``, ``gs://``, ...
    """
    return _YAML.format(
        name=_kubernetes(bundle.name),
        bundle=json.dumps(bundle.name),
        version=json.dumps(bundle.version),
        sha256=json.dumps(bundle.some_file.sha256),
        image=json.dumps(image or f"REGISTRY/edgeagent-serve:{__version__}"),
        storage=json.dumps(storage or f"pvc://bundles/{bundle.name}"),
        port=PORT,
    )


def _kubernetes(name: str) -> str:
    """Return ``name`` as a service may be called: letters, digits and dashes, a letter first."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50].strip("-")
    return plain if plain[:1].isalpha() else f"m-{plain}".rstrip("-")
