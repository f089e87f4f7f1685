"""The model in the cloud, behind KServe's v2 protocol, and whether it says what a device says."""
