"""Core's own sentences for people, in both languages, and how a backend's are found."""

from __future__ import annotations

from renkei.spec import (
    AuthenticationFailed,
    BackendError,
    Manifest,
    OutcomeUnknown,
    PermissionDenied,
    QuotaExhausted,
    RateLimited,
    SchemaDrift,
    TargetNotFound,
    Text,
    Unavailable,
)

SENTENCES: dict[str, Text] = {
    "key_taken": Text(
        ja="連携キーがほかのレコードですでに使われています。データベースをバックアップから復元した場合は、復元前に登録された"
        "同じ行動のレコードです。運用担当者が renkei restored を実行すると解決します。そうでない場合は、連携先の"
        "レコードを確認し、不要なら削除してから再送してください。",
        en="Another record already holds this delivery key. If the database was restored from a backup, it is this "
        "action's own record, stored before: 'renkei restored' puts that right. If not, look at that record; if it is "
        "not wanted, delete it, then replay.",
    ),
    "outcome_unknown": Text(
        ja="送信の途中で応答が途切れたため、登録されたかどうか分かりません。連携先で確認し、"
        "「登録済み」か「もう一度送る」を選んでください。",
        en="The answer was lost on the way: it is not known whether the record was stored. Look for it in the CRM, "
        "then settle it (it is there) or replay it (send again).",
    ),
    "interrupted": Text(
        ja="送信中に処理が終了したため、登録されたかどうか分かりません。",
        en="The worker ended while this was on its way; the outcome is unknown.",
    ),
    "held": Text(
        ja="前回の送信の結果が確定するまで待っています。自動で再送します。",
        en="Waiting until the outcome of the last attempt has settled; it is sent again by itself.",
    ),
    "stands_aside": Text(
        ja="ほかのレコードは送れていますが、このレコードだけが送れていません。間隔をあけながら自動で再送します。最後の理由:",
        en="Other records get through, and this one alone does not. It is tried again by itself, ever less often. "
        "The last reason:",
    ),
    "never_got_through": Text(
        ja="何度送ってもこのレコードだけが送れず、ほかのレコードは送れているため、自動の再送を止めました。送れなかった理由は、"
        "ログのこの行動の行で確認できます。原因を取り除いてから再送してください。",
        en="This record alone did not get through, however often it was sent, while others did; it is no longer sent "
        "by itself. The log of this action says what stopped it. Remove the cause, then replay.",
    ),
    "refused_after_unknown": Text(
        ja="以前の送信の結果が分からないまま、再送が拒否されました。連携先にレコードがあるか、連携キー"
        "（renkei why で表示）などで確認してください。重複を禁止した項目がほかにもあると、登録済みのこのレコード自身が"
        "拒否の原因になることがあります。",
        en="An earlier attempt has an unknown outcome, and a later one was refused. Look whether the record is there, "
        "by its delivery key ('renkei why' shows it): where a second field must be unique too, that very record may be "
        "why the later one was refused.",
    ),
    "restored": Text(
        ja="データベースがバックアップから復元されました。その間に登録された可能性があります。待機中のものは連携キーで"
        "確かめながら自動で再送します。「要確認」のものは連携先で確認し、「登録済み」か「もう一度送る」を選んでください。",
        en="The database was restored from a backup, and this may have been stored in the meantime. What waits is sent "
        "again by itself under its delivery key; what is doubtful, look for in the CRM, then settle it (it is there) "
        "or replay it (send again).",
    ),
    "schema_drift": Text(
        ja="連携先の項目が変更されました。マッピングを直すか、連携先を元に戻してください。",
        en="The target's fields have changed. Mend the mapping, or restore the fields.",
    ),
    "not_entitled": Text(
        ja="この連携先を使う契約がありません。契約が有効になると自動で再開します。",
        en="The tenant is not entitled to this backend. It resumes by itself once it is.",
    ),
    "backend_missing": Text(
        ja="この連携先のプラグインを読み込めません。運用担当者に連絡してください。",
        en="The plugin of this backend cannot be loaded. Run 'renkei backends' to see why.",
    ),
    "vault": Text(
        ja="保存された認証情報を開けません。運用担当者に連絡してください。",
        en="The stored credentials cannot be opened. Give the key that sealed them.",
    ),
    "settings_outdated": Text(
        ja="保存された設定がこのバージョンのプラグインに合いません。認証をやり直してください。",
        en="The stored settings do not fit this version of the plugin. Renew the connection.",
    ),
    "plugin_fault": Text(
        ja="連携プラグインに不具合があり、止めました。運用担当者に連絡してください。",
        en="The plugin failed repeatedly without sending anything, so its lanes are stopped. "
        "The log names what it did; replace or mend the plugin.",
    ),
    "map_fault": Text(
        ja="連携プラグインがこのレコードを変換できませんでした。プラグインの修正後に再送してください。",
        en="The plugin fails on this record. Replay it once the plugin is mended.",
    ),
    "plugin_retry": Text(
        ja="連携プラグインに不具合がありました。間をおいて再試行します。",
        en="The plugin failed; it is tried again in a while. The log names what it did.",
    ),
    "nothing_settled": Text(
        ja="連携プラグインが結果を返さなかったため、間をおいて再試行します。",
        en="The plugin stored nothing and gave no reason; it is tried again later.",
    ),
    "gave_up": Text(
        ja="長い間送信できていません。原因を取り除いてから接続をテストしてください。",
        en="It has failed for days and needs a person. Remove the cause, then test the connection.",
    ),
    "account_changed": Text(
        ja="認証の相手が登録時のアカウントと異なります。",
        en="The settings now lead to another account than the one that was connected.",
    ),
    "internal_error": Text(
        ja="内部エラーのため、間をおいて再試行します。",
        en="An internal error; it is tried again later. The log holds the details.",
    ),
    "daily_budget": Text(
        ja="本日のリクエスト数の上限に達しました。リセット後に再開します。",
        en="The day's requests are spent. It resumes after the reset.",
    ),
    "window": Text(
        ja="短時間のリクエスト数の上限に達したため、少し待っています。",
        en="The backend's rate is reached; it goes on in a moment.",
    ),
}

_BY_CLASS: tuple[tuple[type[BackendError], Text], ...] = (
    (
        AuthenticationFailed,
        Text(
            ja="認証に失敗しました。接続の認証情報を更新してください。",
            en="The backend does not accept the credentials. Renew the connection.",
        ),
    ),
    (
        PermissionDenied,
        Text(
            ja="権限が足りません。連携先で権限を追加してから接続をテストしてください。",
            en="A permission is missing. Grant it at the backend, then test the connection.",
        ),
    ),
    (
        TargetNotFound,
        Text(
            ja="連携先のアプリが見つかりません。削除されていないか確認してください。",
            en="The target is not there. Look whether it was deleted or moved.",
        ),
    ),
    (SchemaDrift, SENTENCES["schema_drift"]),
    (
        QuotaExhausted,
        Text(
            ja="連携先のリクエスト数の上限に達しました。",
            en="The backend's quota is spent; it resumes after the reset.",
        ),
    ),
    (
        RateLimited,
        Text(
            ja="連携先が混み合っているため、少し待っています。",
            en="The backend asked for a pause; it goes on by itself.",
        ),
    ),
    (
        OutcomeUnknown,
        Text(
            ja="応答が途切れました。結果を確認しながら再試行します。",
            en="An answer was lost; it is tried again with care.",
        ),
    ),
    (
        BackendError,
        Text(
            ja="連携先に接続できません。自動で再試行します。",
            en="The backend cannot be reached; it is tried again by itself.",
        ),
    ),
)


def explain(
    manifest: Manifest | None, code: str, error: BackendError | None = None, *, link: str | None = None
) -> dict[str, str]:
    """The sentence for an admin: the plugin's own for that code, else core's, else one for the class of error.

    Behind it stands where it is put right: *link*, or that of *error*.
    """
    text = manifest.sentences.get(code) if manifest is not None else None
    text = text or SENTENCES.get(code)
    if text is None and error is not None:
        text = next(sentence for kind, sentence in _BY_CLASS if isinstance(error, kind))
    if text is None:
        text = Text(
            ja=f"連携先がこのレコードを受け付けませんでした（{code}）。",
            en=f"The backend refused this record ({code}).",
        )
    return _with_link({"ja": text.ja, "en": text.en}, link or getattr(error, "remedy_link", None))


def _with_link(text: dict[str, str], link: str | None) -> dict[str, str]:
    """The sentence and where to go. People click on it, so it is a web address or is left out."""
    if link is None or not link.startswith(("https://", "http://")) or any(character.isspace() for character in link):
        return text
    return {"ja": f"{text['ja']} 確認・設定する画面: {link}", "en": f"{text['en']} The page for it: {link}"}


def refused_at_the_door(manifest: Manifest, error: BackendError) -> dict[str, str]:
    """The sentence for somebody who waits at a form: nothing was saved, and nothing is tried again by itself."""
    words = explain(manifest, error.code, error)
    if isinstance(error, (Unavailable, RateLimited, OutcomeUnknown)) and error.code not in manifest.sentences:
        return {
            "ja": "連携先に接続できません。アドレスと通信を確認し、もう一度お試しください。保存はしていません。",
            "en": "The backend cannot be reached. Check address and network and try again. Nothing was saved.",
        }
    return words


def rejection(
    manifest: Manifest | None, code: str, field: Text | None, words: str, *, link: str | None = None
) -> dict[str, str]:
    """Why one record was refused: the field's name, the sentence, the backend's own words, and where to go."""
    text = explain(manifest, code)
    if field is not None:
        text = {"ja": f"{field.ja}: {text['ja']}", "en": f"{field.en}: {text['en']}"}
    if words and words not in text["ja"] and words not in text["en"]:
        text = {language: f"{sentence} [{words}]" for language, sentence in text.items()}
    return _with_link(text, link)
