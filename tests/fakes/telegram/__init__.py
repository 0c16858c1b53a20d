"""A Bot API server for tests: one bot, people, chats, and the rules and faults of the real one.

`server` speaks HTTP, `methods` is what a bot can call, `chat` what stands in chats, `world` what
people do there, `queue` the updates on their way, `entities` the markup, `flood` the pace, `faults`
what may go wrong. Facts are those of the Bot API's documentation and of its server's source
(tdlib/telegram-bot-api).
"""
