"""Slack for tests: one workspace with one app, people in it, and the rules and faults of the real.

`server` speaks HTTP, `sockets` and `calling` are the two ways to the bot, `methods` is what it can
call and `arguments` with what; `world` is what people do and see, `people` and `places` who and
where; `deliveries` are the events on their way and `payloads` what they look like; `blocks` is how
messages are read, `tiers` the pace, `faults` what may go wrong. Facts are those of Slack's
documentation.
"""
