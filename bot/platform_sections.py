"""What can be set of the platforms: how each is reached, and by whose account."""

from pathlib import Path

from pydantic import Field, SecretStr

from bot.sections import Section


class Telegram(Section):
    """The bot on Telegram; on when there is a token."""

    token: SecretStr = Field(default=SecretStr(""), description="From @BotFather.")
    base_url: str = Field(
        default="https://api.telegram.org", description="The Bot API server, or one of your own."
    )
    webhook_url: str = Field(
        default="",
        description="Where Telegram reaches this port by HTTPS; empty: long polling.",
    )
    webhook_secret: SecretStr = Field(
        default=SecretStr(""),
        description="What Telegram shows with every call: 1 to 256 of `A-Z a-z 0-9 _ -`.",
    )


class Slack(Section):
    """The bot in a Slack workspace; on when there is a bot token."""

    bot_token: SecretStr = Field(default=SecretStr(""), description="`xoxb-…`.")
    app_token: SecretStr = Field(
        default=SecretStr(""), description="`xapp-…`: with it, Socket Mode, which needs no address."
    )
    signing_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Without an app token: of the requests that Slack makes to this port.",
    )
    base_url: str = Field(default="https://slack.com/api/", description="The Web API.")
    workspace: str = Field(
        default="main",
        pattern=r"^[\w.-]+$",
        description="A name for the workspace; it is a part of its people's keys.",
    )


class Matrix(Section):
    """The bot on Matrix; on when there is a homeserver."""

    homeserver: str = Field(default="", description="Its address, as `https://matrix.example.org`.")
    user: str = Field(default="", pattern=r"^(@[^:]+:.+)?$", description="`@parley:example.org`.")
    password: SecretStr = Field(default=SecretStr(""), description="The account's password.")
    recovery_key: SecretStr = Field(
        default=SecretStr(""),
        description="Keeps the bot's identity when its keys are lost; the first start prints it.",
    )
    store_dir: Path = Field(
        default=Path("parley-data/matrix"),
        description="Where the bot's encryption keys are kept, on a local disk.",
    )
    messages_per_minute: int = Field(
        default=12,
        ge=1,
        description="What the homeserver lets the bot send; 12 is Synapse's own `rc_message`.",
    )
    device_name: str = Field(default="Parley", description="What people see as its session's name.")
