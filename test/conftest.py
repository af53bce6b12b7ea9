"""For every test."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)  # a shared machine may stand still at any example
settings.load_profile("patient")
