"""The far end of a slow network: two namespaces, the line between them, and a server."""
