"""Root of the errors that a user can cause and mend."""


class GazeVlmError(Exception):
    """An error with one line for people: what is wrong, with which thing, and what to do."""
