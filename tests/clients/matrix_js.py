"""Somebody with matrix-js-sdk and its Rust crypto: a Node child that speaks JSON lines.

The child signs in, makes a cross-signing identity, and tells what its client shows in clear; with
`signed_only` it shares keys with cross-signed devices alone (MSC4153).
"""

import asyncio
import base64
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.clients.matrix import Timeline
from tests.rigs.synapse import PASSWORD

PROGRAM = Path(__file__).parents[1] / "js/matrix/person.mjs"
LINE_BYTES = 4 << 20
CALL_S = 60


class SealedPerson:
    """A user of encrypted rooms."""

    def __init__(self, url: str, user: str, *, signed_only: bool = False) -> None:
        self.id = user
        self.timeline = Timeline()
        self._start = {"url": url, "user": user, "password": PASSWORD, "signedOnly": signed_only}
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._process: asyncio.subprocess.Process
        self._reading: asyncio.Task[None]
        self.unreadable: set[str] = set()

    async def open(self) -> None:
        """Start the child and sign in."""
        self._process = await asyncio.create_subprocess_exec(
            "node",
            str(PROGRAM),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=LINE_BYTES,
        )
        self._reading = asyncio.create_task(self._read())
        await self.do("start", **self._start)

    async def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        async with asyncio.timeout(CALL_S):
            await self._process.wait()
            await self._reading
        self._process._transport.close()  # type: ignore[reportAttributeAccessIssue] # or it warns

    async def do(self, verb: str, **arguments: Any) -> Any:
        """One call of the client, which must succeed."""
        assert self._process.stdin
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"number": number, "do": verb, **arguments})
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()
        async with asyncio.timeout(CALL_S):
            return await answer

    async def create(self, body: Mapping[str, Any]) -> str:
        return await self.do("create", body=dict(body))

    async def join(self, room: str) -> None:
        await self.do("join", room=room)

    async def send(
        self, room: str, content: Mapping[str, Any], kind: str = "m.room.message"
    ) -> str:
        return await self.do("send", room=room, content=dict(content), kind=kind)

    async def redact(self, room: str, event: str) -> None:
        await self.do("redact", room=room, event=event)

    async def upload(self, room: str, name: str, mime: str, content: bytes) -> dict[str, Any]:
        encoded = base64.b64encode(content).decode()
        return {"file": await self.do("upload", content=encoded)}

    async def identity_of(self, user: str) -> dict[str, Any]:
        """What the client makes of a user: `{"crossSigned": …, "devices": {id: signed}}`."""
        return await self.do("identity", user=user)

    async def _read(self) -> None:
        assert self._process.stdout
        async for line in self._process.stdout:
            self._take(json.loads(line))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(RuntimeError("the client ended"))

    def _take(self, said: dict[str, Any]) -> None:
        if "number" in said:
            answer = self._answers.pop(said["number"])
            if "error" in said:
                answer.set_exception(RuntimeError(said["error"]))
            else:
                answer.set_result(said["result"])
        elif "typing" in said:
            self.timeline.typed |= {(said["room"], user) for user in said["typing"]}
        elif said.get("unreadable"):
            self.unreadable.add(said["unreadable"])
        else:
            self.timeline.take(said["room"], said["event"])
