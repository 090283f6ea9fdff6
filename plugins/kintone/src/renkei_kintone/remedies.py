"""What an answer of kintone means and where in kintone it is put right: the words that the tables of meanings use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from renkei.spec import BackendError, Text
from renkei_kintone.settings import KintoneSettings


class Place(StrEnum):
    """A page of kintone where a person puts something right."""

    TOKENS = "tokens"  # the app's API tokens
    FORM = "form"  # the app's fields
    SETTINGS = "settings"  # the app's other settings
    PORTAL = "portal"  # the domain's front page: apps, spaces, and for administrators users and access


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What one code means.

    Attributes:
        error: what it means for the lane; None where it is about the data of a record.
        text: causes and remedies, for an inbox admin.
        resource: the permission that is missing, where one is.
        place: where it is put right, where that is in kintone.
    """

    error: type[BackendError] | None
    text: Text
    resource: str = ""
    place: Place | None = None


def lane(error: type[BackendError], *, ja: str, en: str, resource: str = "", place: Place | None = None) -> Meaning:
    """A meaning that concerns the whole lane."""
    return Meaning(error=error, text=Text(ja=ja, en=en), resource=resource, place=place)


def data(*, ja: str, en: str, place: Place | None = None) -> Meaning:
    """A meaning that concerns the data of a record."""
    return Meaning(error=None, text=Text(ja=ja, en=en), place=place)


def page(settings: KintoneSettings, place: Place) -> str:
    """The address of *place*.

    That an app's pages lie below `/k/(app)/`, or `/k/guest/(space)/(app)/`, is documented. The addresses of its
    settings are not: they are those that browsers show, and that many public programs for kintone open
    (`admin/app/apitoken?app=`, `admin/app/flow?app=` with a section). For an app in a guest space they were seen in two
    such programs, and for its tokens not at all: [unsure]. A wrong one costs an admin a click, so the sentence in front
    of it always says the way through the menus as well.
    """
    root = f"https://{settings.host}/"
    space = f"k/guest/{settings.guest_space_id}/" if settings.guest_space_id else "k/"
    match place:
        case Place.TOKENS:
            return f"{root}{space}admin/app/apitoken?app={settings.app_id}"
        case Place.FORM:
            return f"{root}{space}admin/app/flow?app={settings.app_id}#section=form"
        case Place.SETTINGS:
            return f"{root}{space}admin/app/flow?app={settings.app_id}#section=settings"
        case Place.PORTAL:
            return root
        case _:
            assert_never(place)
