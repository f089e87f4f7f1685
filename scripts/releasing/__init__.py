"""What a release is besides what is built of it: its archive made equal, and what is in it told."""
