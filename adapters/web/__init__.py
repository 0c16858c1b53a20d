"""The page: a little chat server of our own, and the adapter that speaks with it.

As a platform it keeps people, rooms and posts behind `store.PageStore` and shows them to every open
tab; as an adapter it turns what people do into `MessageEvent`s and posts what the bot answers.

    routes ─▶ people           who sits at a browser
           ─▶ reading          what they see        ┐
           ─▶ actions ─▶ emit  what they do         ├─▶ rooms, store, wire
    adapter ─▶ board ─▶ hub    what all tabs show   ┘
"""
