"""Stored settings as the installed version of a plugin understands them.

What an admin typed was stored by some version of the plugin, and is read by whichever is installed now. It is brought
up to date each time, in memory: the row keeps what the admin proved, so that going back to the older version works
until somebody renews the connection under the newer one.
"""

from __future__ import annotations

import logging
from typing import Any

from packaging.version import InvalidVersion, Version

from renkei.plugins import Backend, PluginFault
from renkei.spec import FrozenDict, Problem, Settings, SettingsError, Text, UpgradeRequest
from renkei.store.connections import Sealed

log = logging.getLogger("renkei.delivery")


def settings_of(backend: Backend, sealed: Sealed) -> Settings:
    """The settings of a stored connection, for use.

    `crm_upgrade` is asked where an older version stored them. It never sees a secret: neither what was sealed nor
    what this version calls secret. A value that was sealed comes back only under a name that is still secret.

    Raises:
        SettingsError: they do not fit, cannot be brought up to date, or were stored by a newer version. Its first
            problem names the connection and both versions. Nothing was changed.
        PluginFault: this very version stored them, and its own settings model breaks down on them.
    """
    if sealed.plugin_version == backend.version:
        return backend.parse_settings(sealed.settings)
    if _is_newer(sealed.plugin_version, backend.version):
        raise SettingsError([_stored_by_newer(backend, sealed)])
    try:
        return backend.parse_settings({**_upgraded(backend, sealed), **_still_secret(backend, sealed)})
    except SettingsError as error:
        problems = [_does_not_fit(backend, sealed), *error.problems]
    except PluginFault as fault:
        # This connection's data is at fault as much as the plugin: other connections' lanes go on.
        log.error("plugin fault: %s", fault, extra={"event": "plugin.fault", "connection": sealed.name})
        problems = [_not_taken_over(backend, sealed)]
    raise SettingsError(problems)


def settings_to_renew(backend: Backend, sealed: Sealed) -> dict[str, Any]:
    """What a renewal builds on: the stored settings brought up to date, or of them what this version still knows.

    A person is at the form and the result is proven anew, so nothing here is final; but what could not be brought up
    to date must not stand in the way of typing it again.
    """
    try:
        return settings_of(backend, sealed).revealed()
    except (SettingsError, PluginFault):
        known = {
            name: value for name, value in sealed.settings.items() if name in backend.manifest.settings.model_fields
        }
        public = {name: value for name, value in known.items() if name not in sealed.sealed_names}
        return {**public, **_still_secret(backend, sealed)}


def _upgraded(backend: Backend, sealed: Sealed) -> dict[str, Any]:
    withheld = sealed.sealed_names | backend.manifest.settings.secret_fields()
    public = {name: value for name, value in sealed.settings.items() if name not in withheld}
    if not backend.manifest.supports("upgrade"):
        return public
    request = UpgradeRequest(kind="settings", from_version=sealed.plugin_version, data=FrozenDict(public))
    return dict(backend.upgrade(request).data)


def _still_secret(backend: Backend, sealed: Sealed) -> dict[str, Any]:
    secret = backend.manifest.settings.secret_fields()
    return {name: value for name, value in sealed.settings.items() if name in secret}


def _is_newer(one: str, other: str) -> bool:
    """Whether version *one* came after *other*; False where either is no version, so that no order is known.

    Local labels (`1.0+site3`) make no difference: they are builds of one release.
    """
    try:
        return Version(Version(one).public) > Version(Version(other).public)
    except InvalidVersion:
        return False


def _stored_by_newer(backend: Backend, sealed: Sealed) -> Problem:
    stored, installed = sealed.plugin_version, backend.version
    return _problem(
        "stored_by_newer",
        ja=f"接続「{sealed.name}」の設定は {backend.id} プラグインのバージョン {stored} で保存されました。"
        f"インストールされている古いバージョン {installed} では正しく読めないおそれがあります。"
        f"{stored} 以降に戻すか、接続の認証を更新してください。",
        en=f"Connection {sealed.name!r}: its settings were stored by version {stored} of {backend.id!r}, and the older "
        f"{installed} that is installed might misread them. Install {stored} or newer again, or renew the connection.",
    )


def _does_not_fit(backend: Backend, sealed: Sealed) -> Problem:
    stored, installed = sealed.plugin_version, backend.version
    return _problem(
        "settings_outdated",
        ja=f"接続「{sealed.name}」の設定は {backend.id} プラグインのバージョン {stored} で保存されたもので、"
        f"バージョン {installed} に合いません。次の項目を入力して、接続の認証を更新してください。",
        en=f"Connection {sealed.name!r}: its settings were stored by version {stored} of {backend.id!r} and do not fit "
        f"version {installed}. Renew the connection with what follows.",
    )


def _not_taken_over(backend: Backend, sealed: Sealed) -> Problem:
    stored, installed = sealed.plugin_version, backend.version
    return _problem(
        "upgrade_failed",
        ja=f"接続「{sealed.name}」の設定は {backend.id} プラグインのバージョン {stored} で保存されたもので、"
        f"バージョン {installed} への引き継ぎに失敗しました。"
        f"接続の認証を更新するか、プラグインの修正を待ってください。",
        en=f"Connection {sealed.name!r}: version {installed} of {backend.id!r} failed to take over the settings that "
        f"version {stored} stored. Renew the connection, or install a version of the plugin that is mended.",
    )


def _problem(code: str, *, ja: str, en: str) -> Problem:
    return Problem(field="", code=code, message=Text(ja=ja, en=en))
