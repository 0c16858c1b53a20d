"""PURE. One update of the Bot API → the events it stands for.

Message ids count within a chat, and `update_id` may begin anew after a quiet week (Bot API,
Update), so events and messages are named by chat and message.
"""

from collections.abc import Sequence
from datetime import datetime

from telegram import (
    CallbackQuery,
    Chat,
    ChatMember,
    ChatMemberRestricted,
    ChatMemberUpdated,
    Message,
    MessageReactionUpdated,
    ReactionType,
    ReactionTypeEmoji,
    Update,
    User,
)
from telegram.constants import ChatType

from adapters.base import Address, Attachment, Kind, MessageEvent, Person, Quote
from adapters.telegram.phrases import Me, Phrase, read

PLATFORM = "telegram"
WANTED = (
    Update.MESSAGE,
    Update.EDITED_MESSAGE,
    Update.CALLBACK_QUERY,
    Update.MESSAGE_REACTION,
    Update.MY_CHAT_MEMBER,
    Update.CHAT_MEMBER,
)
"""What to ask for: reactions and other people's memberships come only on request."""
THUMBS = ("👍", "👎")
_COMMANDS = ("stop", "retry")
_OPINIONS = {"good": "👍", "bad": "👎"}
_PRESENT = (ChatMember.OWNER, ChatMember.ADMINISTRATOR, ChatMember.MEMBER)


def name_of(chat: int, message: int) -> str:
    """A message's id, unique within the bot's account."""
    return f"{chat}/{message}"


def parse_name(name: str) -> tuple[int, int]:
    """The chat and the message of a name. Raises `ValueError` when it is none."""
    chat, _, message = name.partition("/")
    return int(chat), int(message)


def events(update: Update, me: Me) -> list[MessageEvent]:
    """What happened; empty when it is nothing that the bot minds."""
    found: MessageEvent | None = None
    if update.message:
        found = _of_message(update.message, me)
    elif update.edited_message:
        found = _of_edit(update.edited_message, update.update_id, me)
    elif update.callback_query:
        found = _of_button(update.callback_query, me)
    elif update.message_reaction:
        found = _of_reaction(update.message_reaction, update.update_id, me)
    elif update.my_chat_member:
        found = _of_membership(update.my_chat_member, me, is_mine=True)
    elif update.chat_member:
        found = _of_membership(update.chat_member, me, is_mine=False)
    return [found] if found else []


def _of_message(message: Message, me: Me) -> MessageEvent | None:
    if message.migrate_to_chat_id or message.migrate_from_chat_id:
        return _of_move(message, me)
    if not _is_from_person(message):
        return None
    phrase = _phrase(message, me)
    if phrase.target and phrase.target.lower() != me.username.lower():
        return None
    name = name_of(message.chat.id, message.message_id)
    if not phrase.command:
        return _event(message, f"m{name}", Kind.MESSAGE, phrase.text, me)
    return _event(message, f"m{name}", Kind.COMMAND, _command(phrase), me)


def _of_edit(message: Message, update_id: int, me: Me) -> MessageEvent | None:
    if not _is_from_person(message):
        return None
    # Two edits may share a second; an update that is delivered again keeps its number.
    name = name_of(message.chat.id, message.message_id)
    event_id = f"e{name}/{_stamp(message.edit_date or message.date)}/{update_id}"
    phrase = _phrase(message, me)
    text = f"/{_command(phrase)}" if phrase.command else phrase.text
    return _event(message, event_id, Kind.EDIT, text, me)


def _event(message: Message, event_id: str, kind: Kind, text: str, me: Me) -> MessageEvent | None:
    assert message.from_user is not None  # it is from a person
    files = _files(message)
    if not text and not files and kind is Kind.MESSAGE:
        return None  # a sticker, a place on a map, a service message
    phrase, quote = _phrase(message, me), _quote(message, me)
    is_reply = quote is not None and quote.from_bot
    return MessageEvent(
        event_id=event_id,
        kind=kind,
        address=_address(message, me),
        sender=_person(message.from_user),
        message_id=name_of(message.chat.id, message.message_id),
        sent_at=message.edit_date or message.date,
        text=text,
        addressed=phrase.mentioned or bool(phrase.target) or is_reply or _is_direct(message.chat),
        quote=quote,
        files=files,
        room_name=message.chat.title or "",
    )


def _is_from_person(message: Message) -> bool:
    """Whether somebody wrote it: no bot, no channel, and no one who hides behind the room."""
    user = message.from_user
    return user is not None and not user.is_bot and message.sender_chat is None


def _phrase(message: Message, me: Me) -> Phrase:
    if message.text is not None:
        return read(message.text, message.entities, me)
    return read(message.caption or "", message.caption_entities, me)


def _command(phrase: Phrase) -> str:
    """The command that is meant: `/start` opens a chat, with the code of a pairing link or none.

    Links `t.me/<bot>?start=<code>` arrive as `/start <code>` (Bot API, deep linking).
    """
    name = phrase.command.lower()
    if name == "start":
        name = "pair" if phrase.text else "help"
    return f"{name} {phrase.text}".rstrip()


def _quote(message: Message, me: Me) -> Quote | None:
    replied = message.reply_to_message
    if replied is None or replied.forum_topic_created:  # all in a topic replies to its beginning
        return None
    chosen = message.quote.text if message.quote else ""
    text = chosen or _as_read(replied, me)
    author = replied.from_user
    return Quote(
        message_id=name_of(replied.chat.id, replied.message_id),
        author=author.full_name if author else replied.chat.title or "",
        text=text,
        from_bot=author is not None and author.id == me.id,
    )


def _as_read(message: Message, me: Me) -> str:
    """A message's text or caption as it is read."""
    phrase = _phrase(message, me)
    return f"/{phrase.command} {phrase.text}".rstrip() if phrase.command else phrase.text


def _files(message: Message) -> tuple[Attachment, ...]:
    if message.photo:
        largest = max(message.photo, key=lambda size: size.width * size.height)
        return (Attachment(largest.file_id, "photo.jpg", "image/jpeg", largest.file_size),)
    # An animation comes as a document as well, for clients that know no animations.
    named = message.document or message.audio or message.video
    if named:
        mime = named.mime_type or ""
        return (Attachment(named.file_id, named.file_name or "file", mime, named.file_size),)
    if message.voice:
        voice = message.voice
        mime = voice.mime_type or "audio/ogg"
        return (Attachment(voice.file_id, "voice.ogg", mime, voice.file_size),)
    return ()


def _of_button(query: CallbackQuery, me: Me) -> MessageEvent | None:
    message, data = query.message, query.data or ""
    if message is None or query.from_user.is_bot:
        return None
    is_command = data in _COMMANDS
    if not is_command and data not in _OPINIONS:
        return None
    return MessageEvent(
        event_id=f"b{query.id}",
        kind=Kind.COMMAND if is_command else Kind.REACTION,
        address=_address(message, me) if isinstance(message, Message) else _room(message.chat, me),
        sender=_person(query.from_user),
        message_id=name_of(message.chat.id, message.message_id),
        sent_at=message.date,  # a press carries no time of its own
        text=data if is_command else _OPINIONS[data],
        addressed=True,
        room_name=message.chat.title or "",
    )


def _of_reaction(reaction: MessageReactionUpdated, update_id: int, me: Me) -> MessageEvent | None:
    user = reaction.user
    if user is None or user.is_bot:  # without a user it is a channel's, or an anonymous person's
        return None
    name = name_of(reaction.chat.id, reaction.message_id)
    return MessageEvent(
        event_id=f"r{name}/{user.id}/{_stamp(reaction.date)}/{update_id}",
        kind=Kind.REACTION,
        address=_room(reaction.chat, me),
        sender=_person(user),
        message_id=name,
        sent_at=reaction.date,
        text=_opinion(_emoji(reaction.old_reaction), _emoji(reaction.new_reaction)),
        room_name=reaction.chat.title or "",
    )


def _opinion(before: Sequence[str], now: Sequence[str]) -> str:
    """The reaction that counts. A thumb that gave way to another sign is one taken back."""
    for emoji in now:
        if emoji in THUMBS:
            return emoji
    had_thumb = any(emoji in THUMBS for emoji in before)
    return "" if had_thumb or not now else now[0]


def _emoji(reactions: Sequence[ReactionType]) -> list[str]:
    return [each.emoji if isinstance(each, ReactionTypeEmoji) else "⭐" for each in reactions]


def _of_membership(change: ChatMemberUpdated, me: Me, *, is_mine: bool) -> MessageEvent | None:
    was, now = _is_in(change.old_chat_member), _is_in(change.new_chat_member)
    member = change.new_chat_member.user
    if was == now or (member.is_bot and not is_mine):
        return None
    state = "join" if now else "leave"
    return MessageEvent(
        event_id=f"j{change.chat.id}/{member.id}/{state}/{_stamp(change.date)}",
        kind=Kind.MEMBERSHIP,
        address=_room(change.chat, me),
        sender=_person(change.from_user if is_mine else member),
        message_id="",
        sent_at=change.date,
        text=state,
        addressed=is_mine,
        room_name=change.chat.title or "",
    )


def _is_in(member: ChatMember) -> bool:
    if isinstance(member, ChatMemberRestricted):
        return member.is_member
    return member.status in _PRESENT


def _of_move(message: Message, me: Me) -> MessageEvent:
    """A group that became a supergroup says so in both; the two are one event."""
    former = message.migrate_from_chat_id or message.chat.id
    present = message.migrate_to_chat_id or message.chat.id
    author = message.from_user
    return MessageEvent(
        event_id=f"v{former}/{present}",
        kind=Kind.MOVED,
        address=Address(PLATFORM, me.account, str(present)),
        sender=_person(author) if author else Person(str(present), message.chat.title or ""),
        message_id=name_of(message.chat.id, message.message_id),
        sent_at=message.date,
        text=str(former),
        room_name=message.chat.title or "",
    )


def _address(message: Message, me: Me) -> Address:
    """Where it was written. A thread id outside of topics only tells of replies (Bot API)."""
    in_topic = message.is_topic_message and message.message_thread_id is not None
    thread = str(message.message_thread_id) if in_topic else None
    return _room(message.chat, me, thread)


def _room(chat: Chat, me: Me, thread: str | None = None) -> Address:
    return Address(PLATFORM, me.account, str(chat.id), thread, direct=_is_direct(chat))


def _is_direct(chat: Chat) -> bool:
    return chat.type == ChatType.PRIVATE


def _person(user: User) -> Person:
    return Person(str(user.id), user.full_name, user.language_code or "")


def _stamp(moment: datetime) -> int:
    return int(moment.timestamp())
