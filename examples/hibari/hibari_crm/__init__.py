"""Hibari CRM on your own machine: the invented CRM that the plugin tutorial is about. `../API.md` is its API.

    hibari = Hibari()                               # in memory: sample boards, sample keys
    httpx.ASGITransport(app=hibari.app)             # in process, without a server
    with serve(hibari) as url: ...                  # a real server on loopback

Needs Starlette, and uvicorn for `serve`. It knows nothing of renkei. Imports inside are relative, so that the folder
can be copied into a plugin as its simulator, under any name.
"""

from .crm import Hibari
from .sample import FULL_KEY, READ_ONLY_KEY, SECOND_KEY
from .serving import serve

__all__ = ["FULL_KEY", "READ_ONLY_KEY", "SECOND_KEY", "Hibari", "serve"]
