"""Secrets that only their place tells: behind a header's name, in a URL, behind a key that says `password`."""

from __future__ import annotations

from collections.abc import Callable

from warmline.security.secret_rule import LONGEST_LOOK, NEAR, Rule
from warmline.security.secret_shapes import is_basic, is_chosen, is_drawn, is_password, is_random

_BEARER = r"[A-Za-z0-9._~+/=|:-]"
_IN_URL = r"[^\s/?#\"'`<>\\]"
_USER = r"[^\s/?#@:\"'`<>\\]{0,128}+"

_OTHERWISE = (
    "name|file|filename|path|dir|url|uri|type|count|limit|id|ids|field|length|len|hash|sha256|digest|size|regex|pattern"
    "|policy|class|handler|prefix|format|version|hint|label|index|expiry|expires|at|in|ttl|algorithm|manager|provider"
    "|scope|scopes|endpoint|bytes|bits|kind|ref"
)
_NAMED_OTHERWISE = rf"(?:.*[_.-])?(?i:{_OTHERWISE})|.*(?:{_OTHERWISE.title()})"
"""`password_file`, `tokenCount`: what a key of that end holds is no secret."""

_TURNS_A_PAGE = r"(?<!(?i:next))(?<!(?i:page))(?<!(?i:next[_-]))(?<!(?i:page[_-]))"
_CLOSED = r"(?:\\{0,3}[\"'`]\]?)?(?: ?\)| ?:[ \t]?(?:str|String|string))?"
_IS = (
    r"(?:(?:[ \t](?:for|of|to)[ \t][\w ./@-]{1,40}?)?"  # the password for the staging database is ...
    r"(?:[ \t]{0,8}(?::=|=>|->|={1,3}|:)[ \t]{0,8}|[ \t]{1,8}(?:is|was)(?:[ \t]?:)?[ \t]{1,8})"
    r"|>"  # <password>...
    r"|[ \t]{1,8}(?=[\"'`])"  # the password "..."
    r"|,?\s{1,40}[\"']?value[\"']?[ \t]?[:=][ \t]{0,4}"  # name: PASSWORD, value: ...
    r"|(?(flag)[ \t]{1,4}|(?!)))"  # --password ...
)
_IN_QUOTES = r"[bruf]{0,2}(?P<quote>\\{0,3}[\"'`])(?P<quoted>(?:(?!(?P=quote)|\[redacted )(?:\\.|[^\s\\]|\\))"
_RUN = rf"[^\s\"'`<>&;,|\\]{{1,{LONGEST_LOOK}}}+"
_GOES_ON = r"[&;,|](?![\w .-]{0,40}=|\s|\Z)"  # neither another `key=` nor nothing follows
_BARE = rf"(?P<bare>(?![$<({{\[*\\]){_RUN}(?:{_GOES_ON}{_RUN}){{0,4}}+)"


def _keyed(kind: str, calls: tuple[str, ...], *, at_least: int, test: Callable[[str], bool]) -> Rule:
    """Return the rule of what stands behind a key of that kind, in quotes or bare."""
    key = "(?i:" + "|".join(call.replace("_", "[_-]?") for call in calls) + ")"
    form = (
        rf"{_TURNS_A_PAGE}(?:(?<=-)(?P<flag>)|){key}(?P<key>[A-Za-z0-9_.-]{{0,40}}+){_CLOSED}{_IS}"
        rf"(?:{_IN_QUOTES}{{{at_least},{LONGEST_LOOK}}}+)(?!\[redacted )|(?=\S{{{at_least}}}){_BARE}(?![(\[]))"
    )
    literals = tuple(
        dict.fromkeys(way for call in calls for way in (call, call.replace("_", ""), call.replace("_", "-")))
    )
    source = "the names that programs, .env files, YAML, JSON, libpq and ODBC give to secrets"
    return Rule(kind, literals, form, source, test, rest=r"[^\s\"'`]", unless=_NAMED_OTHERWISE, reach=140)


PLACED_RULES = (
    Rule(
        "database-password",
        ("postgres", "mysql", "mariadb", "mongodb", "redis", "amqp", "mssql", "clickhouse", "cockroachdb", "oracle"),
        r"(?i:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?|mssql|clickhouse|cockroachdb|oracle)"
        r"(?:\+[A-Za-z0-9]{1,20})?"
        rf"://{_USER}:(?P<secret>{_IN_URL}{{1,{LONGEST_LOOK}}})@(?=[\w\[.$%{{-])",
        "RFC 3986, userinfo; the schemes of the databases' own connection URLs",
        is_chosen,
    ),
    Rule(
        "url-password",
        ("://",),
        rf"://{_USER}:(?P<secret>{_IN_URL}{{1,{LONGEST_LOOK}}})@(?=[\w\[.$%{{-])",
        "RFC 3986, userinfo",
        is_chosen,
    ),
    Rule(
        "basic-auth",
        ("basic ",),
        rf"(?i:basic) {{1,4}}(?P<secret>[A-Za-z0-9+/]{{6,{LONGEST_LOOK}}}+={{0,2}})",
        "RFC 7617",
        is_basic,
        rest="[A-Za-z0-9+/=]",
        reach=10,
    ),
    Rule(
        "basic-auth",
        ('auth"', "auth'", "auth\\", "auth:", "auth=", "auth ="),
        r"(?i:auth)(?:\\{0,3}[\"'])?[ \t]{0,4}[:=]\s{0,8}(?:\\{0,3}[\"'])?"
        rf"(?P<secret>[A-Za-z0-9+/]{{6,{LONGEST_LOOK}}}+={{0,2}})",
        "docker and podman: config.json, auth.json, whose `auth` is base64 of user:password",
        is_basic,
        rest="[A-Za-z0-9+/=]",
        reach=32,
    ),
    Rule(
        "basic-auth",
        ("curl",),
        rf"curl{NEAR}{{0,200}}?\s(?:-u|--user)[ =]?[\"']?[^\s:\"']{{1,64}}:(?P<secret>[^\s\"']{{3,{LONGEST_LOOK}}}+)",
        "curl(1): -u user:password",
        is_chosen,
        rest=r"[^\s\"']",
        reach=280,
    ),
    Rule(
        "password",
        ("machine ",),
        rf"machine[ \t]{{1,8}}\S{{1,100}}\s{{1,20}}login\s{{1,20}}\S{{1,100}}\s{{1,20}}password[ \t]{{1,8}}"
        rf"(?P<secret>\S{{1,{LONGEST_LOOK}}}+)",
        "ftp(1): .netrc",
        is_chosen,
        rest=r"\S",
        reach=300,
    ),
    Rule(
        "bearer-token",
        ("bearer",),
        rf"(?i:bearer)(?:[ \t]|%20|\+|[\"']?[:=][ \t]?[\"']?){{1,4}}(?P<secret>{_BEARER}{{16,{LONGEST_LOOK}}}+)",
        "RFC 6750",
        is_drawn,
        rest=_BEARER,
        reach=24,
    ),
    Rule(
        "authorization",
        ("authorization",),
        r"(?i:authorization)(?:\\{0,3}[\"'`]\]?)?[ \t]{0,4}[:=,][ \t]{0,4}\\?[\"'`]?"
        r"(?:(?i:bearer|token|apikey|bot|key)[ \t]{1,4})?"
        rf"(?P<secret>{_BEARER}{{8,{LONGEST_LOOK}}}+)",
        "RFC 9110, 11.6.2",
        is_drawn,
        rest=_BEARER,
        reach=40,
    ),
    _keyed(
        "password", ("password", "passwd", "passwort", "passphrase", "pwd", "passcode"), at_least=6, test=is_password
    ),
    _keyed("secret", ("secret", "credential"), at_least=8, test=is_random),
    _keyed(
        "api-key",
        (
            "api_key",
            "api key",
            "access_key",
            "private_key",
            "encryption_key",
            "signing_key",
            "master_key",
            "account_key",
            "auth_key",
            "service_key",
            "license_key",
            "webhook_key",
            "secret key",
        ),
        at_least=12,
        test=is_random,
    ),
    _keyed("token", ("token", "auth_key"), at_least=12, test=is_random),
)
