"""Secrets of every kind, drawn by lot when a test runs, and the places where people leave them: no file holds one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from random import Random
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits
from typing import NamedTuple

ALNUM = ascii_letters + digits
WORD = ALNUM + "_-"
HEX = "0123456789abcdef"
BASE32 = ascii_uppercase + "234567"
SIGNS = "!@#%^*_-+=.~"


class Made(NamedTuple):
    """A secret, and how it is written where it means something (its own surroundings, for kinds that need them)."""

    secret: str
    written: str
    context_free: bool = True


def draw(random: Random, alphabet: str, count: int) -> str:
    """Draw so many characters."""
    return "".join(random.choices(alphabet, k=count))


def encoded(random: Random, count: int) -> str:
    """Draw so many bytes, in base64."""
    return base64.b64encode(random.randbytes(count)).decode()


def part(random: Random, count: int) -> str:
    """Draw one part of a JWT: so many bytes, in base64 of URLs."""
    return base64.urlsafe_b64encode(random.randbytes(count)).decode().rstrip("=")


def jwt(random: Random) -> str:
    """Make a JWT of three parts."""
    header, claims = (
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=")
        for each in ({"alg": "HS256", "typ": "JWT"}, {"sub": draw(random, ALNUM, 12), "iat": random.randrange(10**9)})
    )
    return f"{header}.{claims}.{part(random, 32)}"


def _lines(body: str) -> list[str]:
    return [body[at : at + 64] for at in range(0, len(body), 64)]


def private_key(random: Random, name: str) -> str:
    """Make what looks like a private key in PEM."""
    body = encoded(random, random.choice((48, 121, 300, 1190)))
    lines = "\n".join(_lines(body))
    return f"-----{'BEGIN'} {name}-----\n{lines}\n-----{'END'} {name}-----"


def putty_key(random: Random) -> Made:
    """Make what looks like a private key as PuTTY keeps it: its own lines stand between the public ones and the MAC."""
    sizes = (51, random.choice((36, 96, 120, 600)))
    public, private = (_lines(encoded(random, size)) for size in sizes)
    end = random.choice(("\n", "\r\n"))
    head = ["PuTTY-User-Key-File-3: ssh-ed25519", "Encryption: none", "Comment: mine", f"Public-Lines: {len(public)}"]
    before = end.join((*head, *public, f"Private-Lines: {len(private)}", ""))
    return within(end.join(private), before, f"{end}Private-MAC: {draw(random, HEX, 64)}{end}")


def password(random: Random) -> str:
    """Make a password as people and their generators do: letters, and at least one digit or sign."""
    return draw(random, ALNUM + SIGNS, random.randrange(7, 20)) + random.choice(digits) + random.choice(ascii_letters)


def bare(secret: str) -> Made:
    """Make of a secret that is known wherever it stands."""
    return Made(secret, secret)


def within(secret: str, before: str, after: str = "") -> Made:
    """Make of a secret that only its place tells."""
    return Made(secret, before + secret + after, context_free=False)


def _keyed(random: Random, secret: str, *names: str) -> Made:
    name = random.choice(names)
    forms = (
        (f"{name.upper()}=", ""),
        (f"export {name.upper()}='", "'"),
        (f'{{"{name}": "', '", "debug": true}'),
        (f"{name}: ", "\n"),
        (f'{name} = "', '"'),
        (f'config["{name}"] = "', '"'),
        (f"--{name.replace('_', '-')} ", " --verbose"),
        (f'{{\\"{name}\\": \\"', '\\"}'),
        (f"- name: {name.upper()}\n  value: ", "\n"),
        (f"<{name}>", f"</{name}>"),
    )
    return within(secret, *random.choice(forms))


KINDS: dict[str, Callable[[Random], Made]] = {
    "aws-access-key": lambda r: bare(r.choice(("AKIA", "ASIA")) + draw(r, BASE32, 16)),
    "aws-secret-key": lambda r: within(
        draw(r, ALNUM + "/+", 40),
        *r.choice(
            (
                ("aws_secret_access_key = ", ""),
                ("AWS_SECRET_ACCESS_KEY=", ""),
                ('"SecretAccessKey": "', '"'),
                ("the AWS secret key is ", ""),
            )
        ),
    ),
    "github": lambda r: bare(
        r.choice(
            (
                r.choice(("ghp_", "gho_", "ghu_", "ghs_", "ghr_")) + draw(r, ALNUM, 36),
                "github_pat_" + draw(r, ALNUM, 22) + "_" + draw(r, ALNUM, 59),
            )
        )
    ),
    "gitlab": lambda r: bare(r.choice(("glpat-", "gldt-", "glrt-", "glptt-", "glsoat-")) + draw(r, WORD, 20)),
    "slack": lambda r: bare(
        r.choice(("xoxb-", "xoxp-")) + draw(r, digits, 12) + "-" + draw(r, digits, 12) + "-" + draw(r, ALNUM, 24)
    ),
    "slack-webhook": lambda r: within(
        f"T{draw(r, ascii_uppercase + digits, 8)}/B{draw(r, ascii_uppercase + digits, 8)}/{draw(r, ALNUM, 24)}",
        "https://hooks.slack.com/services/",
    ),
    "stripe": lambda r: bare(
        r.choice(("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_")) + draw(r, ALNUM, r.choice((24, 32, 99)))
    ),
    "openai": lambda r: bare(
        r.choice(
            ("sk-" + draw(r, ALNUM, 48), "sk-proj-" + draw(r, WORD, 156) + "A", "sk-svcacct-" + draw(r, WORD, 73) + "A")
        )
    ),
    "anthropic": lambda r: bare(f"sk-ant-api03-{draw(r, WORD, 93)}AA"),
    "google": lambda r: bare(
        r.choice(
            (
                "AIza" + draw(r, WORD, 34) + draw(r, ALNUM, 1),
                "ya29." + draw(r, WORD, 120),
                "GOCSPX-" + draw(r, WORD, 28),
            )
        )
    ),
    "azure": lambda r: r.choice(
        (
            lambda: within(
                encoded(r, 64),
                "DefaultEndpointsProtocol=https;AccountName=store1;AccountKey=",
                ";EndpointSuffix=core.windows.net",
            ),
            lambda: bare(draw(r, ALNUM, 3) + "8Q~" + draw(r, ALNUM + "_~.-", 33) + "a"),
            lambda: within(
                encoded(r, 32).replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
                "https://a.blob.core.windows.net/c?sv=2024-11-04&sp=r&sig=",
                "&se=2027-01-01",
            ),
        )
    )(),
    "jwt": lambda r: bare(jwt(r)),
    "pem": lambda r: bare(
        private_key(r, r.choice(("RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY")))
    ),
    "pem-escaped": lambda r: bare(private_key(r, "PRIVATE KEY").replace("\n", "\\n")),
    "ssh": lambda r: bare(private_key(r, "OPENSSH PRIVATE KEY")),
    "ssh-putty": putty_key,
    "bearer": lambda r: within(
        draw(r, ALNUM + "-._~", r.choice((24, 40, 64))) + "a",
        *r.choice(
            (
                ("Authorization: Bearer ", ""),
                ("'Authorization: bearer ", "'"),
                ('"Authorization": "Bearer ', '"'),
                ("authorization=Bearer ", ""),
            )
        ),
    ),
    "basic-auth": lambda r: within(
        base64.b64encode(f"{draw(r, ascii_lowercase, 6)}:{password(r)}".encode()).decode(),
        *r.choice((("Authorization: Basic ", ""), ('"authorization": "Basic ', '"'))),
    ),
    "docker-auth": lambda r: within(
        base64.b64encode(f"{draw(r, ascii_lowercase, 6)}:{password(r)}".encode()).decode(),
        *r.choice(
            (
                ('{"auths": {"registry.example.org": {"auth": "', '"}}}'),
                ('{"auths": {\n\t"https://index.docker.io/v1/": {\n\t\t"auth": "', '"\n\t}\n}}'),
                ('{\\"auth\\":\\"', '\\",\\"email\\":\\"\\"}'),
                ("auth: ", "\n"),
            )
        ),
    ),
    "url": lambda r: within(
        draw(r, ALNUM + "!*-_.~", r.randrange(8, 20)) + "7",
        f"{r.choice(('https', 'http', 'ftp', 'ssh'))}://{draw(r, ascii_lowercase, 5)}:",
        "@example.org:8443/path?x=1",
    ),
    "dsn": lambda r: within(
        draw(r, ALNUM + "!*-_.~", r.randrange(8, 20)) + "7",
        f"{r.choice(('postgresql', 'postgresql+psycopg', 'mysql', 'mongodb+srv', 'redis', 'amqp'))}://app:",
        "@db.internal:5432/main",
    ),
    "libpq": lambda r: within(
        draw(r, ALNUM, r.randrange(8, 20)) + "7", "host=db.internal port=5432 user=app password=", " sslmode=require"
    ),
    "password": lambda r: _keyed(r, password(r), "password", "db_password", "passwd", "smtp_pwd"),
    "token": lambda r: _keyed(
        r, draw(r, r.choice((ALNUM, HEX)), r.choice((20, 32, 40, 64))), "token", "auth_token", "secret", "client_secret"
    ),
    "api-key": lambda r: _keyed(
        r, draw(r, r.choice((ALNUM, HEX)), r.choice((20, 32, 40))), "api_key", "x_api_key", "apikey"
    ),
    "npm": lambda r: bare("npm_" + draw(r, ALNUM, 36)),
    "npmrc": lambda r: within(draw(r, HEX, 36), "//registry.example.org/:_authToken="),
    "pypi": lambda r: bare("pypi-AgEIcHlwaS5vcmc" + draw(r, WORD, 150)),
    "hugging-face": lambda r: bare("hf_" + draw(r, ascii_letters, 34)),
    "sendgrid": lambda r: bare(f"SG.{draw(r, WORD, 22)}.{draw(r, WORD, 42)}a"),
    "twilio": lambda r: bare("SK" + draw(r, HEX, 32)),
    "digitalocean": lambda r: bare("dop_v1_" + draw(r, HEX, 64)),
    "telegram": lambda r: bare(f"{r.randrange(10**8, 10**10)}:AA{draw(r, WORD, 32)}b"),
    "discord": lambda r: within(
        f"M{draw(r, ALNUM, 23)}.G{draw(r, WORD, 5)}.{draw(r, WORD, 37)}a", r.choice(("DISCORD_TOKEN=", "discord bot: "))
    ),
    "docker": lambda r: bare("dckr_pat_" + draw(r, WORD, 26) + "a"),
    "warmline": lambda r: bare("wl_" + part(r, 32)),
}

PLACES: dict[str, Callable[[str], str]] = {
    "alone": lambda text: text,
    "prose": lambda text: f"I rotated it yesterday; use {text} until the new one is there, and tell nobody.",
    "json": lambda text: f'{{"id": 7, "note": "{text}", "ok": true}}',
    "env": lambda text: f"# settings\nDEBUG=1\nSERVICE_VALUE={text}\nPORT=8080\n",
    "code": lambda text: f'def connect():\n    return Client("{text}", timeout=30)\n',
    "log": lambda text: f"2026-11-21T15:20:22Z WARN http.client retry=2 sent {text} got 401\n",
    "url": lambda text: f"see https://example.org/hook?x=1&value={text}&y=2",
    "diff": lambda text: f"--- a/config\n+++ b/config\n@@ -1 +1 @@\n-old = 1\n+{text}\n",
    "yaml": lambda text: f"service:\n  replicas: 2\n  value: {text}\n  image: web\n",
    "markdown": lambda text: f"# Setup\n\n1. Set `{text}` in the form\n2. Press *Save*\n",
    "quoted": lambda text: f"He wrote:\n> {text}\n",
    "terminal": lambda text: f"$ curl -H '{text}' https://example.org\n\x1b[31merror\x1b[0m\n",
}


def make(random: Random, kind: str) -> tuple[str, str]:
    """Return a secret of the kind, and a text with it."""
    made = KINDS[kind](random)
    if not made.context_free:
        return made.secret, f"{draw(random, ascii_lowercase, 5)}\n{made.written}\nmore text"
    place = random.choice([name for name in PLACES if "\n" not in made.written or name not in {"url", "json", "code"}])
    return made.secret, PLACES[place](made.written)
