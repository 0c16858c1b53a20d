"""Files that people attach, and files that the bot posts.

A file's address is private: it takes the bot's token, which goes to Slack's hosts alone. Posting is
`files.getUploadURLExternal`, the content to the address that it names, then
`files.completeUploadExternal` (Slack, "Working with files").
"""

from adapters.base import Address, Attachment, MessageRef, Rejected
from adapters.slack.api import Api
from adapters.slack.fields import table, text
from adapters.slack.ids import name_of

FILE = "F"
"""Begins a file's id, which stands for the timestamp in the name of a message that is a file."""


class Files:
    """Fetches and posts files."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def fetch(self, file: Attachment, max_bytes: int) -> bytes:
        """A file's content. Raises `Rejected` when it is larger, gone or not the bot's to see."""
        if file.size_bytes is not None and file.size_bytes > max_bytes:
            raise Rejected(f"The file is larger than {max_bytes} bytes.")
        url = file.id if "://" in file.id else await self._url(file.id)
        kind, content = await self._api.download(url, max_bytes)
        if kind == "text/html" and file.mime != kind:  # a page to sign in on
            raise Rejected("The app may not see the file (scope files:read).")
        return content

    async def send(self, to: Address, name: str, content: bytes) -> MessageRef:
        """Post a file; what is for one person alone goes to their direct messages."""
        channel, thread = to.room, to.thread
        if to.whisper:
            channel, thread = await self._direct(to.whisper), None
        place = await self._api.read(
            "files.getUploadURLExternal", filename=name, length=str(len(content))
        )
        file = text(place.get("file_id"))
        await self._api.upload(text(place.get("upload_url")), content)
        await self._api.write(
            "files.completeUploadExternal",
            files=[{"id": file, "title": name}],
            channel_id=channel,
            thread_ts=thread,
        )
        return MessageRef(to, name_of(channel, file))

    async def delete(self, file: str) -> None:
        """Remove a file, and the message that is nothing else."""
        await self._api.write("files.delete", file=file)

    async def _url(self, file: str) -> str:
        found = table((await self._api.read("files.info", file=file)).get("file"))
        url = text(found.get("url_private_download")) or text(found.get("url_private"))
        if not url:
            raise Rejected("The file is not kept by Slack.")
        return url

    async def _direct(self, user: str) -> str:
        opened = await self._api.write("conversations.open", users=user)
        return text(table(opened.get("channel")).get("id"))
