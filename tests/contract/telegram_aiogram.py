# pyright: basic, reportMissingImports=false
"""A bot on aiogram, in an environment of its own: what a second SDK makes of our server.

Usage: `telegram_aiogram.py <url> <token> <chat>`. It calls the methods, then polls, and writes one
line of JSON for each thing that it saw; the message `bye` ends it.
"""

import asyncio
import io
import json
import sys

from aiogram import Bot, Dispatcher, F
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramMigrateToChat,
    TelegramNotFound,
    TelegramRetryAfter,
)
from aiogram.types import (
    BotCommand,
    BufferedInputFile,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
)


def tell(what, **seen):
    print(json.dumps({"what": what, **seen}), flush=True)


async def call(bot, chat, old_group):
    me = await bot.get_me()
    tell("me", id=me.id, username=me.username, reads_all=me.can_read_all_group_messages)
    keyboard = InlineKeyboardMarkup(
        inline_keyboard=[[InlineKeyboardButton(text="Stop", callback_data="stop")]]
    )
    sent = await bot.send_message(
        chat, "<b>bold</b> &amp; <i>more</i>", parse_mode="HTML", reply_markup=keyboard
    )
    kinds = [entity.type for entity in sent.entities]
    tell("sent", text=sent.text, entities=kinds, id=sent.message_id, chat=sent.chat.type)
    edited = await bot.edit_message_text("new", chat_id=chat, message_id=sent.message_id)
    tell("edited", text=edited.text, has_date=edited.edit_date is not None)
    for what, wrong in (
        ("parse", bot.send_message(chat, "<b>open", parse_mode="HTML")),
        ("same", bot.edit_message_text("new", chat_id=chat, message_id=sent.message_id)),
        ("missing", bot.edit_message_text("x", chat_id=chat, message_id=999)),
        ("long", bot.send_message(chat, "🙂" * 2049)),
        ("nobody", bot.send_message(5, "hello")),
    ):
        try:
            await wrong
        except TelegramBadRequest as error:
            tell(what, error=error.message)
    try:
        await bot.send_message(old_group, "hello")
    except TelegramMigrateToChat as error:
        tell("migrated", to=error.migrate_to_chat_id)
    try:
        await bot.send_chat_action(chat, "typing")
    except TelegramRetryAfter as error:
        tell("patience", seconds=error.retry_after)
    try:
        await bot.get_chat_member_count(chat)
    except TelegramNotFound as error:
        tell("unknown", error=error.message)
    await bot.send_chat_action(chat, "typing")
    await bot.set_my_commands([BotCommand(command="help", description="what I do")])
    document = await bot.send_document(chat, BufferedInputFile(b"content", "a.txt"))
    tell("document", name=document.document.file_name, size=document.document.file_size)
    await bot.send_message(chat, "press", reply_markup=keyboard)


def handle(dispatcher, bot):
    @dispatcher.message(F.text == "bye")
    async def _(message):
        await dispatcher.stop_polling()

    @dispatcher.message(F.migrate_to_chat_id | F.migrate_from_chat_id)
    async def _(message):
        tell("moved")

    @dispatcher.message(F.document)
    async def _(message):
        target = io.BytesIO()
        await bot.download(message.document, target)
        tell("file", caption=message.caption, content=target.getvalue().decode())

    @dispatcher.message()
    async def _(message):
        replied = message.reply_to_message
        tell(
            "message",
            text=message.text,
            chat=message.chat.type,
            person=message.from_user.username,
            thread=message.message_thread_id,
            is_topic=bool(message.is_topic_message),
            reply=replied.text if replied else None,
            entities=[entity.extract_from(message.text) for entity in message.entities or []],
        )
        await message.reply("echo: " + message.text)

    @dispatcher.edited_message()
    async def _(message):
        tell("edit", text=message.text)

    @dispatcher.callback_query()
    async def _(query):
        await query.answer()
        tell("pressed", data=query.data, text=query.message.text)

    @dispatcher.message_reaction()
    async def _(reaction):
        tell("reaction", new=[each.emoji for each in reaction.new_reaction])

    @dispatcher.my_chat_member()
    async def _(change):
        tell("member", was=change.old_chat_member.status, now=change.new_chat_member.status)


async def main(url, token, chat, old_group):
    session = AiohttpSession(api=TelegramAPIServer.from_base(url))
    async with Bot(token, session=session) as bot:
        await call(bot, int(chat), int(old_group))
        dispatcher = Dispatcher()
        handle(dispatcher, bot)
        wanted = dispatcher.resolve_used_update_types()
        tell("polling")
        await dispatcher.start_polling(
            bot, allowed_updates=wanted, polling_timeout=5, handle_signals=False
        )
    tell("over")


asyncio.run(main(*sys.argv[1:]))
