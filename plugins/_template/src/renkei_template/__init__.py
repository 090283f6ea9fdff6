"""Atelier as a backend of renkei.

`backend` holds the hooks and is what the entry point names; every other module serves it:

    settings   what an admin types: of a connection, and of a target
    manifest   what the backend is, said once
    codes      every code that this plugin uses, with its sentence in both languages
    api        requests to Atelier: addresses, token exchange, pages
    answers    Atelier's answers → verdicts and errors
    fields     Atelier's field types → canonical types
    records    canonical values → one wire record, or problems by field
    simulator  Atelier on your own machine; nothing above imports it

Of renkei, a plugin imports `renkei.spec` and nothing else.
"""
