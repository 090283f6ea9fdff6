"""A kintone of one's own for `renkei verify kintone --source live`, named by environment variables.

The app is made for this purpose: the suite writes records with keys that are the same in every run, and deletes them
again with a token that the plugin never gets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import httpx

from renkei.testing import LiveSite

PREFIX: Final = "RENKEI_KINTONE_LIVE_"
NEEDED: Final = ("SUBDOMAIN", "APP_ID", "API_TOKEN", "DELETE_TOKEN")
OPTIONAL: Final = ("GUEST_SPACE_ID", "MAY_VIEW", "LOOKUP_TOKENS", "BASIC_USER", "BASIC_PASSWORD")
MOST_DELETED: Final = 100
"""Records that one request deletes, after kintone's documentation."""

_HOME: Final = "cybozu.com"


def live_app(environment: Mapping[str, str]) -> LiveSite | None:
    """The app that *environment* names, None unless all that is `NEEDED` is there."""
    found = {name: environment.get(PREFIX + name, "").strip() for name in (*NEEDED, *OPTIONAL)}
    if not all(found[name] for name in NEEDED):
        return None
    delete_token = found.pop("DELETE_TOKEN")
    settings = {name.lower(): value for name, value in found.items() if value}
    return LiveSite(
        settings=settings, target=found["APP_ID"], clean_up=_deleting(settings, delete_token, _routes(environment))
    )


def _deleting(settings: Mapping[str, str], token: str, routes: Mapping[str, str]) -> Callable[[Sequence[str]], None]:
    """What deletes records, a hundred in a request."""
    subdomain = settings["subdomain"]
    host = subdomain if "." in subdomain else f"{subdomain}.{_HOME}"
    space = settings.get("guest_space_id")
    url = f"{routes.get(host, f'https://{host}')}/k/{f'guest/{space}/' if space else ''}v1/records.json"
    login = (settings["basic_user"], settings.get("basic_password", "")) if "basic_user" in settings else None

    def delete(ids: Sequence[str]) -> None:
        with httpx.Client(trust_env=False, timeout=30, auth=login) as http:
            for first in range(0, len(ids), MOST_DELETED):
                body = {"app": settings["app_id"], "ids": list(ids[first : first + MOST_DELETED])}
                headers = {"Host": host, "X-Cybozu-API-Token": token}
                answer = http.request("DELETE", url, headers=headers, json=body)
                if answer.is_error:
                    raise RuntimeError(
                        f"kintone did not delete the records of this check ({answer.status_code}): tick 'Delete "
                        f"records' (レコード削除) for the token in {PREFIX}DELETE_TOKEN, press 'Update app', and empty "
                        "the app by hand before the next run."
                    )

    return delete


def _routes(environment: Mapping[str, str]) -> dict[str, str]:
    """`RENKEI_ROUTES`, as core reads and checks it: where a simulator stands in the place of a host."""
    entries = (entry.partition("=") for entry in environment.get("RENKEI_ROUTES", "").split(",") if "=" in entry)
    return {host.strip(): url.strip().rstrip("/") for host, _equals, url in entries}
