"""Tunes a ready model to an owner's pictures: its front stays as it is, a new head is trained."""
