"""Words for people, in both languages, and problems that name the field they are about."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import field_validator

from renkei.spec.frozen import Model

Language = Literal["ja", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


class Text(Model):
    """One thing said in Japanese and in English. Plain text, no HTML."""

    ja: str
    en: str

    @field_validator("ja", "en")
    @classmethod
    def _says_something(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("a text must say something in both languages")
        return value

    def in_(self, language: Language) -> str:
        """The wording in *language*."""
        return self.ja if language == "ja" else self.en

    def __str__(self) -> str:
        return self.en


class Problem(Model):
    """One thing that stands in the way, at one field.

    Attributes:
        field: the field's path (`subdomain`) or code (`件名`); empty where the whole is concerned.
        code: stable, machine readable, `snake_case`: `required`, `too_long`, `unknown_choice`, ...
        message: what is wrong and what to do, for an inbox admin. Never the value itself.
    """

    field: str
    code: str
    message: Text

    def __str__(self) -> str:
        return f"{self.field}: {self.message.en} ({self.code})" if self.field else f"{self.message.en} ({self.code})"
