"""HTTP: each delivery is a signed call to the bot's port, repeated at once, after 1 and 5 min."""

import asyncio
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from time import time
from urllib.parse import urlencode

import aiohttp

from tests.fakes.slack.deliveries import Deliveries, Delivery

RETRIES_S = (0.0, 60.0, 300.0)
_PATHS = {
    "events_api": "/slack/events",
    "slash_commands": "/slack/commands",
    "interactive": "/slack/interactions",
}


@dataclass(slots=True)
class Calling:
    """The calls to `url`, once it is set. `clock` is a factor of the pauses between attempts."""

    deliveries: Deliveries
    secret: str
    url: str = ""
    clock: float = 1.0
    paths: dict[str, str] = field(default_factory=lambda: dict(_PATHS))
    statuses: list[int] = field(default_factory=list[int])

    def call(self, url: str) -> None:
        """Deliver to the bot at `url` from now on."""
        self.url = url
        self.deliveries.nudge()

    async def pump(self) -> None:
        """Deliver until cancelled."""
        async with aiohttp.ClientSession(trust_env=False) as session, asyncio.TaskGroup() as tasks:
            while True:
                delivery = await self.deliveries.next(lambda: bool(self.url))
                tasks.create_task(self._deliver(session, delivery))

    async def verify_url(self) -> str:
        """What the bot answers to the challenge of a new address."""
        body = json.dumps({"type": "url_verification", "challenge": "a-challenge", "token": "x"})
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            session.post(
                self.url + self.paths["events_api"],
                data=body,
                headers=self.signed(body) | {"Content-Type": "application/json"},
            ) as response,
        ):
            return (await response.json())["challenge"]

    def signed(self, body: str, at: int | None = None) -> dict[str, str]:
        """The headers that prove who calls."""
        timestamp = str(int(time()) if at is None else at)
        base = f"v0:{timestamp}:{body}".encode()
        digest = hmac.new(self.secret.encode(), base, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}

    async def _deliver(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        retries = RETRIES_S if delivery.sort == "events_api" else ()
        if await self._attempt(session, delivery, {}):
            return
        for number, pause_s in enumerate(retries, start=1):
            await asyncio.sleep(pause_s * self.clock)
            headers = {
                "X-Slack-Retry-Num": str(number),
                "X-Slack-Retry-Reason": delivery.reason,
            }
            if await self._attempt(session, delivery, headers):
                return
        delivery.failed = True

    async def _attempt(
        self, session: aiohttp.ClientSession, delivery: Delivery, headers: dict[str, str]
    ) -> bool:
        self.deliveries.start(delivery)
        body, kind = _body(delivery)
        headers |= self.signed(body) | {"Content-Type": kind}
        timeout = aiohttp.ClientTimeout(total=self.deliveries.ack_s)
        url = self.url + self.paths[delivery.sort]
        try:
            async with session.post(url, data=body, headers=headers, timeout=timeout) as response:
                self.statuses.append(response.status)
                delivery.reason = "http_error"
                is_taken = response.status == 200
        except TimeoutError:
            delivery.reason = "http_timeout"
            return False
        except aiohttp.ClientError:
            delivery.reason = "connection_failed"
            return False
        if is_taken:
            self.deliveries.acknowledge(delivery)
        return is_taken


def _body(delivery: Delivery) -> tuple[str, str]:
    form = "application/x-www-form-urlencoded"
    if delivery.sort == "events_api":
        return json.dumps(delivery.payload), "application/json"
    if delivery.sort == "slash_commands":
        return urlencode(delivery.payload), form
    return urlencode({"payload": json.dumps(delivery.payload)}), form
