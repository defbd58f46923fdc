"""What can go wrong for a person who uses profilegen, each with the words that person needs."""


class ProfilegenError(Exception):
    """The work failed and the message says what to do; the command line prints it and exits with 1."""


class UsageError(ProfilegenError):
    """What was asked for makes no sense; the command line prints it and exits with 2."""


class InputError(ProfilegenError):
    """The input files cannot be used: missing, unreadable, or with too many bad lines."""


class ModelError(ProfilegenError):
    """A model cannot be had, loaded or used for the job it was named for."""


class StoreError(ProfilegenError):
    """The store is missing, locked, broken or made for something else."""
