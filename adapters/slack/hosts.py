"""PURE. Which addresses the adapter follows when Slack's answers name them.

Files, sockets, uploads and response addresses are on other hosts than the Web API. Only those of
Slack are contacted, by TLS, and whatever host the administrator named.
"""

from urllib.parse import urlsplit

SLACK = ".slack.com"
_SECURE = {"https", "wss"}
_SAME = {"https": "https", "wss": "https", "http": "http", "ws": "http"}


def is_allowed(url: str, base_url: str) -> bool:
    """Whether `url` leads to Slack, or to the place that `base_url` names."""
    try:
        parts, base = urlsplit(url), urlsplit(base_url)
        same_port = parts.port == base.port
    except ValueError:
        return False
    if parts.username or not parts.hostname or parts.scheme not in _SAME:
        return False
    if parts.hostname == base.hostname:
        return same_port and _SAME[parts.scheme] == base.scheme
    return _is_slack(base.hostname) and _is_slack(parts.hostname) and parts.scheme in _SECURE


def _is_slack(host: str | None) -> bool:
    return f".{host}".endswith(SLACK)
