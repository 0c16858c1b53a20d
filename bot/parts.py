"""The concrete parts that the settings ask for: chat platforms, the engine, the port with the page.

Beside `app`, which puts the parts together, nobody else knows these classes; each is imported only
where it is used, so that a bot does not load what it does not serve.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from starlette.routing import Route

from adapters.base import Adapter
from adapters.capabilities import Webhooks
from bot.commands import Desk
from bot.config import Settings
from bot.delivery import Spawn
from bot.health import Metrics, ReadinessCheck
from bot.model import is_demo
from bot.pipeline import Pipeline
from bot.place import place_of
from bot.reply import Sinks
from bot.secret import kept_secret
from bot.texts import texts_for
from engine.base import Engine
from storage.database import Database
from storage.page import Page


def platforms(settings: Settings) -> Iterator[Adapter]:
    """The adapters of the chat platforms that the settings ask for."""
    if settings.telegram.token.get_secret_value():
        from adapters.telegram.adapter import TelegramAdapter, TelegramSettings

        yield TelegramAdapter(
            TelegramSettings(
                token=settings.telegram.token.get_secret_value(),
                base_url=settings.telegram.base_url,
                webhook_url=settings.telegram.webhook_url,
                webhook_secret=_webhook_secret(settings),
                bot_name=settings.bot.name,
            )
        )
    if settings.slack.bot_token.get_secret_value():
        from adapters.slack.adapter import SlackAdapter, SlackSettings

        yield SlackAdapter(
            SlackSettings(
                bot_token=settings.slack.bot_token.get_secret_value(),
                app_token=settings.slack.app_token.get_secret_value(),
                signing_secret=settings.slack.signing_secret.get_secret_value(),
                base_url=settings.slack.base_url,
                workspace=settings.slack.workspace,
                bot_name=settings.bot.name,
                status=texts_for(settings.bot.language).writing,
            )
        )
    if settings.matrix.homeserver:
        from adapters.matrix.adapter import MatrixAdapter, MatrixSettings

        yield MatrixAdapter(
            MatrixSettings(
                homeserver=settings.matrix.homeserver,
                user=settings.matrix.user,
                password=settings.matrix.password.get_secret_value(),
                recovery_key=settings.matrix.recovery_key.get_secret_value(),
                store_dir=settings.matrix.store_dir,
                device_name=settings.matrix.device_name,
                messages_per_minute=settings.matrix.messages_per_minute,
                bot_name=settings.bot.name,
            )
        )


def _webhook_secret(settings: Settings) -> str:
    chosen = settings.telegram.webhook_secret.get_secret_value()
    if chosen or not settings.telegram.webhook_url:
        return chosen
    return kept_secret(place_of(settings).home.with_suffix(".webhook-key"))


@asynccontextmanager
async def engine_of(settings: Settings) -> AsyncGenerator[Engine]:
    """The engine that the settings ask for, started and not yet ready."""
    match settings.engine.kind:
        case "scripted":
            from engine.scripted import ScriptedEngine

            yield ScriptedEngine(
                token_delay_s=settings.engine.scripted_delay_s,
                context_tokens=settings.engine.context_tokens,
            )
        case "remote":
            from engine.remote import RemoteEngine

            async with RemoteEngine(
                base_url=settings.engine.base_url,
                model=settings.engine.model,
                api_key=settings.engine.api_key.get_secret_value(),
                context_tokens=settings.engine.context_tokens,
            ) as engine:
                yield engine
        case "llama":
            from bot.model import named, plan_of
            from bot.spill import spill_directory
            from engine.frames import DraftFile, Load
            from engine.pool import Pool
            from engine.seats import Seats, Sharing

            plan = replace(plan_of(settings), spill_dir=spill_directory(settings))

            def find(name: str) -> Load:
                model, second = named(settings, name), settings.engine.draft_model
                draft = named(settings, second) if second else None
                return Load(
                    str(model.path),
                    model.sha256,
                    model.name,
                    plan,
                    draft=draft and DraftFile(str(draft.path), draft.sha256),
                )

            sharing = Sharing(settings.engine.memory_bytes, settings.engine.idle_s)
            first, embedder = find(settings.engine.model), settings.engine.embedding_model
            async with Pool(first, find, Seats(sharing), embedder=embedder) as engine:
                yield engine


@dataclass(frozen=True, slots=True)
class Site:
    """What the port serves, and with what."""

    desk: Desk
    pipeline: Pipeline
    sinks: Sinks
    metrics: Metrics
    readiness: ReadinessCheck
    spawn: Spawn


@asynccontextmanager
async def port(
    site: Site, database: Database, add: Callable[[Adapter], None]
) -> AsyncGenerator[str]:
    """The page, which `add` is given, and the HTTP API; the link that opens the page."""
    from adapters.web.adapter import PageSettings, WebAdapter
    from adapters.web.people import People
    from adapters.web.routes import PageRoutes
    from bot.api import ChatApi
    from bot.bearer import Bearer
    from bot.calls import Calls
    from bot.embeddings_api import EmbeddingsApi
    from bot.guard import Guard
    from bot.http import Health, application
    from bot.menu import command_hints
    from bot.openai_api import OpenAiApi
    from bot.page import StoredPage
    from bot.port import Port

    desk, settings = site.desk, site.desk.settings
    listener = Port(settings.web)
    token = kept_secret(database.path.with_suffix(".page-key"))
    store = StoredPage(Page(database))
    notice = partial(_notice, settings, desk.engine)
    shown = PageSettings(settings.bot.name, notice, command_hints, site.pipeline.redact)
    page = WebAdapter(store, shown)
    add(page)
    bearer = Bearer(settings.api.tokens, is_local=settings.web.is_for_this_machine)
    webhooks = _webhooks(desk.adapters.values())
    routes = [
        *webhooks,
        *PageRoutes(page, People(store, token, shown.bot_name), shown).routes(),
        *ChatApi(desk, site.pipeline, site.sinks, bearer, site.spawn).routes(),
        *OpenAiApi(settings, desk.engine, bearer, database.assert_held).routes(),
        *EmbeddingsApi(desk.engine, bearer, database.assert_held).routes(),
        *Health(site.metrics, site.readiness).routes(),
    ]
    signed = frozenset(route.path for route in webhooks)
    served = Calls(application(routes), desk.audit)
    async with listener.serving(Guard(served, settings.web.allowed_hosts, signed)):
        yield f"{listener.url}/?token={token}"


def _webhooks(adapters: Iterable[Adapter]) -> list[Route]:
    return [
        route for adapter in adapters if isinstance(adapter, Webhooks) for route in adapter.routes()
    ]


async def _notice(settings: Settings, engine: Engine, language: str) -> str:
    """What to know of the model that answers now."""
    texts, status = texts_for(language, settings.bot.language), await engine.status()
    if settings.engine.elsewhere:
        return texts.remote_notice.format(host=settings.engine.elsewhere)
    return texts.demo_notice if is_demo(status.model) else ""
