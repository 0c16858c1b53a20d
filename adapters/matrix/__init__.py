"""Matrix: plain and encrypted rooms, through the client-server API (specification v1.18).

`adapter.py` is the door. matrix-nio gives the Olm machine (`machine.py`); what goes over the wire
is ours, for nio's own client waits without bound and knows neither our cursor nor cross-signing.
"""
