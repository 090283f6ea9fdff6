"""Atelier on your own machine: tokens that expire, pages, records, a search, and faults at will.

It shares no code with the plugin: a check that both sides took from each other proves nothing. Needs the extra
`renkei-template[simulator]`; the plugin itself never imports it.

    atelier = Atelier()
    with serve(atelier) as url: ...                 # a real server on loopback
    httpx.ASGITransport(app=make_app(atelier))      # or no server at all
"""

from renkei_template.simulator.app import make_app
from renkei_template.simulator.atelier import SAMPLE_SETTINGS, Atelier
from renkei_template.simulator.faults import Fault
from renkei_template.simulator.server import serve

__all__ = ["SAMPLE_SETTINGS", "Atelier", "Fault", "make_app", "serve"]
