"""What an admin types: a settings model that canonicalises, explains itself, and never leaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.config import JsonDict
from pydantic_core import PydanticUndefined

from renkei.spec.errors import SettingsError
from renkei.spec.text import Problem, Text

T = TypeVar("T")

SECRET_MASK = "**********"

_KNOWN = {
    "missing": ("required", Text(ja="入力してください。", en="This setting is required.")),
    "extra_forbidden": (
        "unknown",
        Text(ja="この設定項目はありません。削除してください。", en="There is no such setting; remove it."),
    ),
    "string_type": ("not_text", Text(ja="文字列で入力してください。", en="This must be text.")),
}
_OTHERWISE = Text(
    ja="この値は使えません。説明のとおりに入力し直してください。",
    en="This value cannot be used; enter it as the help text says.",
)


class SettingProblem(ValueError):
    """Raised by a settings validator to say what is wrong in both languages, without the value.

    A plain `ValueError` works too, but its text is not shown: nobody can know whether it repeats a secret.
    """

    def __init__(self, code: str, *, ja: str, en: str) -> None:
        self.code = code
        self.text = Text(ja=ja, en=en)
        super().__init__(code)


def setting(
    *,
    ja: str,
    en: str,
    help_ja: str = "",
    help_en: str = "",
    default: Any = PydanticUndefined,
) -> Any:
    """A field of a settings model with its label and help in both languages.

    Give secrets the type `SecretStr`: the CLI then asks for them without echo, and core seals them.
    """
    extra: JsonDict = {"label": {"ja": ja, "en": en}, "help": {"ja": help_ja, "en": help_en}}
    return Field(default=default, title=en, description=help_en or None, json_schema_extra=extra)


class Settings(BaseModel):
    """Base of a connection's settings and of a target's options.

    Subclass it, describe each field with `setting(...)`, make secrets `SecretStr`, and put white space, pasted
    URLs, full-width letters right in `field_validator(..., mode="before")`. Checking settings sends nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False)

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Self:
        """Check and canonicalise *raw*; parsing the result again changes nothing.

        Raises:
            SettingsError: each problem names its field by path and never holds the value.
        """
        try:
            return cls.model_validate(dict(raw))
        except ValidationError as error:
            problems = [_problem(item) for item in error.errors(include_url=False, include_input=False)]
        # Outside the except block and without a cause: pydantic's own error holds the input.
        raise SettingsError(problems)

    def revealed(self) -> dict[str, Any]:
        """All settings with their secrets in clear, as JSON data. For the vault alone; plugins do not need it."""
        return _reveal(self.model_dump(mode="python"))  # type: ignore[no-any-return]  # a mapping in, a dict out

    def public(self) -> dict[str, Any]:
        """The settings without their secrets: what `crm_map` sees and what may be shown."""
        secret = self.secret_fields()
        return {key: value for key, value in self.model_dump(mode="json").items() if key not in secret}

    @classmethod
    def secret_fields(cls) -> frozenset[str]:
        """Names of the fields that hold secrets."""
        return frozenset(name for name, info in cls.model_fields.items() if _holds_secret(info.annotation))

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} may hold secrets and is not pickled")


class NoOptions(Settings):
    """Options of a target that has none."""


def _holds_secret(annotation: Any) -> bool:
    if annotation is SecretStr:
        return True
    return any(_holds_secret(argument) for argument in getattr(annotation, "__args__", ()))


def _reveal(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {key: _reveal(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_reveal(item) for item in value]
    return value


def _problem(item: Any) -> Problem:
    path = ".".join(str(part) for part in item["loc"])
    cause = item.get("ctx", {}).get("error")
    if isinstance(cause, SettingProblem):
        return Problem(field=path, code=cause.code, message=cause.text)
    code, text = _KNOWN.get(item["type"], ("invalid", _OTHERWISE))
    return Problem(field=path, code=code, message=text)
