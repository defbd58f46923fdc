"""What can go wrong for a person who uses profilegen, each with the words that person needs."""


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


class StoreError(ProfilegenError):
    """The store is missing, locked, broken or made for something else."""
