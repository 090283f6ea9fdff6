"""The error tree. An error's class says what the engine does next; its text says what a person does next.

    RenkeiError
    ├─ SettingsError                              tell the admin, save nothing
    └─ BackendError(code, message, retry_after)
       ├─ AuthenticationFailed                    block the lane until reconnected
       ├─ PermissionDenied(resource)              block, name the missing permission
       ├─ TargetNotFound · SchemaDrift            block, show the difference
       ├─ RateLimited · QuotaExhausted(resets_at) wait as told
       ├─ Unavailable                             certainly not applied: retry with backoff
       └─ OutcomeUnknown                          it may have been written

A plugin raises these and nothing else. Messages name fields, never values or secrets.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from renkei.spec.text import Language, Problem


class RenkeiError(Exception):
    """Anything that renkei says is wrong. Safe to show: no secret, no value, no dump."""


class SettingsError(RenkeiError):
    """Settings, options or a mapping that cannot be used. Nothing was saved and nothing was sent.

    Args:
        problems: at least one; each names its field by path and never repeats the value.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))

    def say(self, language: Language) -> str:
        """All problems in one text of *language*, a line each."""
        return "\n".join(
            f"{problem.field}: {problem.message.in_(language)}" if problem.field else problem.message.in_(language)
            for problem in self.problems
        )


class BackendError(RenkeiError):
    """Something that concerns the lane, not one record. Use a subclass: the class decides what happens next.

    Args:
        code: the backend's own code where it gave one (`GAIA_IA02`), else a short word of the plugin's. Pass on only
            what has the form of a code, and never whatever an answer holds in that place.
            The sentence an admin reads is looked up under it in `Manifest.sentences`; without one, core has its own
            for each class.
        message: English, for logs and operators; names fields and permissions, never values or secrets. Write it
            yourself: a backend's own words may repeat what it was sent.
        retry_after: how long the backend asked us to wait, where it did; with `OutcomeUnknown`, too.
        remedy_link: address of the page at the backend where a person puts it right, shown behind the sentence. It
            begins with `https://` or `http://` (anything else is not shown); make it yourself, from the settings and
            never from an answer. Since spec 1.1.
    """

    def __init__(
        self, code: str, message: str, *, retry_after: timedelta | None = None, remedy_link: str | None = None
    ) -> None:
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.remedy_link = remedy_link
        super().__init__(f"{message} ({code})")


class AuthenticationFailed(BackendError):
    """The backend does not accept who we say we are."""


class PermissionDenied(BackendError):
    """Known to the backend, but not allowed to do this.

    *resource* names the missing permission, in the word that `Account.permissions` has for it.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        resource: str = "",
        retry_after: timedelta | None = None,
        remedy_link: str | None = None,
    ) -> None:
        self.resource = resource
        super().__init__(code, message, retry_after=retry_after, remedy_link=remedy_link)


class TargetNotFound(BackendError):
    """The app, object or table that records should go to is not there."""


class SchemaDrift(BackendError):
    """The target no longer has the shape that the mapping was made for."""


class RateLimited(BackendError):
    """Too many requests for now. Certainly not applied."""


class QuotaExhausted(BackendError):
    """No more requests until *resets_at* (aware). Certainly not applied."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        resets_at: datetime | None = None,
        retry_after: timedelta | None = None,
        remedy_link: str | None = None,
    ) -> None:
        self.resets_at = resets_at
        super().__init__(code, message, retry_after=retry_after, remedy_link=remedy_link)


class Unavailable(BackendError):
    """The backend could not be asked, or refused without looking. Certainly not applied."""


class OutcomeUnknown(BackendError):
    """A write may or may not have been applied. Never guessed: core decides what is safe."""
