"""Slack: one app in one workspace, over Socket Mode or called by HTTP.

`adapter` is the door. `wire` reads payloads, `text` their markup, `names` knows who and where the
ids are; `intake` hands events over, `sockets` and `webhook` are the two ways in. `posting` writes,
`streams` lets answers grow, `whispers` answers one person, `blocks` is what messages look like,
`files` carries files; `api` calls, `errors` maps what goes wrong.
"""
