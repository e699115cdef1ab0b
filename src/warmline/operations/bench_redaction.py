"""What looking for secrets costs: a message and its answer, long text without any, dense secrets, hostile text.

Processor time, on one thread. The secrets are drawn by lot when it runs.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from string import ascii_letters, digits

from warmline.operations.bench_recall_text import TextMaker
from warmline.security.redaction import redact

ROUNDS = 15
KB = 1024
QUESTION_BYTES, ANSWER_BYTES = 200, 1024
LONG_BYTES = 1024 * KB
HOSTILE = (
    *(chr(code) for code in range(ord(" "), 0x7F)),
    *(
        "sk-",
        "--sk-",
        "eyJ",
        "-eyJ",
        "eyJaaaaaaaaaaaa.",
        "http://",
        "://a:",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----\n",
    ),
    *('"password":', 'password="', "pwd=,", "token=", "token: ", "secret.", "api_key=", "accountkey="),
    *(
        "Bearer=",
        "authorization: ",
        "basic ",
        "curl -u a",
        "aws ",
        "twilio ",
        "discord ",
        "0Q~",
        "1:AA",
        "\\n",
        "é",
        "İ",
    ),
)
"""What the rules' literals and forms are worst at, repeated."""


@dataclass(frozen=True, slots=True)
class RedactionFigures:
    """Medians, and the least of the same run. worst_seconds is of 1 MiB of `worst`, repeated."""

    exchange_us: float
    exchange_least_us: float
    clean_us_per_kb: float
    clean_least_us_per_kb: float
    dirty_us_per_kb: float
    dirty_least_us_per_kb: float
    worst: str
    worst_seconds: float

    def as_json(self) -> dict[str, object]:
        """Return the figures for a program; names carry the units."""
        return asdict(self)


def run(on_step: Callable[[str], None]) -> RedactionFigures:
    """Measure; takes half a minute."""
    maker = TextMaker(seed=4)
    makers = (maker.prose, maker.conversation, maker.code)
    text = "".join(makers[number % 3]() for number in range(12_000))[:LONG_BYTES]
    question, answer = text[:QUESTION_BYTES], text[QUESTION_BYTES : QUESTION_BYTES + ANSWER_BYTES]
    on_step("a question of 200 B and an answer of 1 KB")
    exchange = _times([question, answer], calls=200)
    on_step("text without secrets")
    clean = _times([text], calls=1)
    on_step("a secret on every line")
    dirty = _times([_dirty()], calls=1)
    on_step("hostile text")
    worst_seconds, worst = max(
        (min(_times([unit * (LONG_BYTES // len(unit))], calls=1, rounds=2)), unit) for unit in HOSTILE
    )
    return RedactionFigures(
        exchange_us=statistics.median(exchange) * 1e6,
        exchange_least_us=min(exchange) * 1e6,
        clean_us_per_kb=statistics.median(clean) * 1e6 * KB / len(text),
        clean_least_us_per_kb=min(clean) * 1e6 * KB / len(text),
        dirty_us_per_kb=statistics.median(dirty) * 1e6 / 64,
        dirty_least_us_per_kb=min(dirty) * 1e6 / 64,
        worst=worst,
        worst_seconds=worst_seconds,
    )


def _times(texts: list[str], *, calls: int, rounds: int = ROUNDS) -> list[float]:
    """Return the seconds of processor time of one call for all the texts, in each round."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(calls):
            for text in texts:
                redact(text)
        times.append((time.process_time() - began) / calls)
    return times


def _dirty() -> str:
    chance = random.Random(4)  # noqa: S311 -- repeatable, and secret from nobody
    lines = ""
    while len(lines) < 64 * KB:
        drawn = "".join(chance.choices(ascii_letters + digits, k=36))
        lines += f"export SERVICE_TOKEN={chance.choice(('ghp_', 'sk-', 'npm_', ''))}{drawn}  # renewed\n"
    return lines[: 64 * KB]
