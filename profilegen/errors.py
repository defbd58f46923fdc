"""What can go wrong for a person who uses profilegen, each with the words that person needs."""

from collections.abc import Collection


class ProfilegenError(Exception):
    """The work failed and the message says what to do; the command line prints it and exits with 1."""


class UsageError(ProfilegenError):
    """What was asked for makes no sense; the command line prints it and exits with 2."""


class InputError(ProfilegenError):
    """The input files cannot be used: missing, unreadable, or with too many bad lines."""


class RemovalError(ProfilegenError):
    """A build would remove many users from the store, and nobody allowed it; the store is as it was.

    :param users: how many users would go.
    :param all_users: how many users the store has.
    :param documents: how many documents would go.
    :param decisions: how many decisions of reviewers on these users would go.
    """

    def __init__(self, users: int, all_users: int, documents: int, decisions: int) -> None:
        super().__init__(
            f"the input has no text of {users:,} of the {all_users:,} users in the store; a build would remove them "
            f"(documents: {documents:,}, decisions of reviewers: {decisions:,}). Nothing was changed; allow it with "
            "--remove, or keep what the input does not have with --add"
        )
        self.users, self.all_users, self.documents, self.decisions = users, all_users, documents, decisions


class ModelError(ProfilegenError):
    """A model cannot be had, loaded or used for the job it was named for."""


class UnreadableTextError(ModelError):
    """A model cannot read a text: its process ended at it twice, or it refused the text; others are not concerned.

    :param message: what happened.
    :param positions: of an embedder, where the texts stand among those that it was given.
    """

    def __init__(self, message: str, positions: Collection[int] = ()) -> None:
        super().__init__(message)
        self.positions = positions


class StoreError(ProfilegenError):
    """The store is missing, locked, broken or made for something else.

    :param message: what is wrong, and what to do.
    :param is_damage: whether a file of the store does not hold what it should.
    """

    def __init__(self, message: str, *, is_damage: bool = False) -> None:
        super().__init__(message)
        self.is_damage = is_damage


class FullDiskError(StoreError):
    """A disk is full, or what an account may use of it."""
