"""What a new plugin is called, everywhere: all of it follows from an id and a label."""

from __future__ import annotations

import re
from dataclasses import dataclass

# No separator at either end and no two in a row: distribution, package and host name are made of it as well.
_ID = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
# The longest part of a host name has 63 characters, and the invented one takes four more than the id.
_LONGEST_ID = 40
_LONGEST_LABEL = 40
# What would end a string, a format, a table cell or a tag in one of the files that the label is written into.
_NOT_IN_A_LABEL = frozenset('"\\{}<>|`*[]%$')
# Ids that a new plugin cannot have: the sample's own, and the engine's.
_RESERVED = frozenset({"template", "renkei"})


class NotPossible(Exception):
    """The plugin cannot be started so; nothing was written.

    Args:
        ja, en: what stands in the way and what to do.
    """

    def __init__(self, *, ja: str, en: str) -> None:
        self.ja = ja
        self.en = en
        super().__init__(en)


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names of one plugin.

    Attributes:
        id: the backend's id, also its entry points' name.
        label: what people read.
        word: the id as a variable, a module, a part of a test's name.
    """

    id: str
    label: str
    word: str

    @classmethod
    def of(cls, id: str, label: str | None = None) -> Names:
        """The names that follow from *id*; without a *label* it is the id, capitalised.

        A Python keyword or the name of a standard module is as good as any other id: the package is called
        `renkei_…`, and see `distinct_from`.

        Raises:
            NotPossible: *id* or *label* cannot be used.
        """
        _check_id(id)
        words = re.split(r"[-_]", id)
        chosen = " ".join(word.capitalize() for word in words) if label is None else label.strip()
        _check_label(chosen)
        return cls(id=id, label=chosen, word="_".join(words))

    @property
    def slug(self) -> str:
        """The id where an underscore may not stand."""
        return self.id.replace("_", "-")

    @property
    def distribution(self) -> str:
        """What pip calls it."""
        return f"renkei-{self.slug}"

    @property
    def package(self) -> str:
        """What Python calls it."""
        return f"renkei_{self.id.replace('-', '_')}"

    @property
    def prefix(self) -> str:
        """What its classes begin with."""
        return "".join(word.capitalize() for word in self.word.split("_"))

    @property
    def host(self) -> str:
        """The invented CRM's name in its host names, to go before `.example`."""
        return f"{self.slug}-crm"


def _check_id(id: str) -> None:
    if id in _RESERVED:
        raise NotPossible(
            ja=f"ID {id!r} は renkei 自身が使っています。連携先のCRMの名前にしてください（例: acme）。",
            en=f"The id {id!r} is renkei's own; take the name of the CRM, such as 'acme'.",
        )
    if id.startswith(("renkei-", "renkei_")):
        raise NotPossible(
            ja=f"ID {id!r} の先頭の「renkei-」は自動で付きます。付けずに指定してください（例: {_nearest(id[7:])!r}）。",
            en=f"'renkei-' is put before the id by itself; leave it out of {id!r}, as in {_nearest(id[7:])!r}.",
        )
    if not _ID.fullmatch(id) or len(id) > _LONGEST_ID:
        raise NotPossible(
            ja=f"ID {id!r} は使えません。英小文字で始まる{_LONGEST_ID}文字以内の英小文字・数字とし、"
            f"区切りには「-」か「_」を1つずつ使ってください（例: {_nearest(id)!r}）。",
            en=f"{id!r} cannot be an id: a letter from a to z, then letters, digits and single '-' or '_' between "
            f"them, at most {_LONGEST_ID} in all, as in {_nearest(id)!r}.",
        )


def _nearest(id: str) -> str:
    """A good id that looks like *id*; `acme` where there is none."""
    found = re.sub(r"[^a-z0-9]+", "-", id.lower()).lstrip("-0123456789")[:_LONGEST_ID].strip("-")
    return found if found and found not in _RESERVED else "acme"


def _check_label(label: str) -> None:
    if not any(character.isalnum() for character in label):
        raise NotPossible(
            ja="--name には、CRMの名前を指定してください（例: Acme CRM）。",
            en="--name must be the CRM's name, such as 'Acme CRM'.",
        )
    if len(label) > _LONGEST_LABEL or not label.isprintable() or _NOT_IN_A_LABEL & set(label):
        unusable = " ".join(sorted(_NOT_IN_A_LABEL))
        raise NotPossible(
            ja=f"--name は1行、{_LONGEST_LABEL}文字以内で指定してください。次の文字は使えません: {unusable}",
            en=f"--name must be one line of at most {_LONGEST_LABEL} characters, and without any of {unusable}",
        )
