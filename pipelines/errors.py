"""Errors that a user can do something about, each with its exit code and the mend."""

from __future__ import annotations


class AirtimeError(Exception):
    """A failure with a clear cause: `str(error)` says what, `mend` what to do, `exit_code` what the process returns."""

    exit_code = 3

    def __init__(self, message: str, mend: str = ""):
        super().__init__(message)
        self.mend = mend


class UsageError(AirtimeError):
    """The command line or a setting is wrong, or what it names can not be reached."""

    exit_code = 2


class CredentialsError(AirtimeError):
    """A credential is missing or was refused."""

    exit_code = 77


class LockedError(AirtimeError):
    """Another run, or another program, holds the warehouse."""

    exit_code = 75


class SourceError(AirtimeError):
    """A source could not go on: its API is down, or too many of its rows were refused."""

    exit_code = 3


class LoadError(AirtimeError):
    """The warehouse did not take rows."""

    exit_code = 3


class TransformError(AirtimeError):
    """The transform failed."""

    exit_code = 4


class StoppedError(AirtimeError):
    """A signal asked the run to end."""

    exit_code = 130


DATA_TESTS_FAILED = 1
