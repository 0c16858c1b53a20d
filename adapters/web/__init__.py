"""The page: a little chat server of our own, and the adapter that speaks with it.

As a platform it keeps people, rooms and posts behind `store.PageStore`; as an adapter it turns what
people do into `MessageEvent`s and shows what the bot answers.
"""
