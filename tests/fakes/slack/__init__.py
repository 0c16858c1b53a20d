"""Slack for tests: one workspace with one app, people in it, and the rules and faults of the real.

`server` speaks HTTP and WebSocket, `methods` is what a bot can call, `world` what people do and
see, `deliveries` the events on their way, `payloads` what they look like, `blocks` how messages are
read, `tiers` the pace, `faults` what may go wrong. Facts are those of Slack's documentation.
"""
