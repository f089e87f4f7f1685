"""What devices say, live, for people."""
