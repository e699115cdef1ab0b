"""What is found, what is left alone, and how far a rule looks."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
from pathlib import Path
from random import Random
from string import ascii_letters

import pytest

from made_secrets import ALNUM, HEX, KINDS, WORD, draw, make, private_key, putty_key
from warmline.security.issued_rules import ISSUED_RULES
from warmline.security.placed_rules import PLACED_RULES
from warmline.security.redaction import INLINE_CHARACTERS, WINDOW_CHARACTERS, find_secrets, mask, redact, redact_aside
from warmline.security.secret_rule import LONGEST_LOOK, Rule

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("WARMLINE_SHARED") or ROOT.parent / "shared") / "data" / "recall"
TEXTS = [path for path in sorted(SHARED.rglob("*")) if path.is_file()]
RULES = (*ISSUED_RULES, *PLACED_RULES)
MADE = 400
R = Random(11)
DRAWN = draw(R, ALNUM, 36)
BASIC = base64.b64encode(f"me:{draw(R, ALNUM, 12)}".encode()).decode()
STRONG = f"q7{draw(R, ALNUM, 14)}W"


def left_of(secret: str, shown: str, before: str) -> list[str]:
    """Return the ends of the secret, of five characters, that are still to be read and were not there without it."""
    without = re.sub(r"\[redacted [a-z0-9-]+\]", " ", shown)
    surroundings = before.replace(secret, " ")
    return [end for end in (secret[:5], secret[-5:]) if end in without and end not in surroundings]


def test_97_of_100_secrets_of_20_kinds_and_more_are_masked_whole() -> None:
    random, kinds = Random(4), sorted(KINDS)
    assert len(kinds) >= 20
    missed = []
    for number in range(MADE):
        secret, text = make(random, kinds[number % len(kinds)])
        shown = redact(text).text
        if secret in shown or left_of(secret, shown, text):
            missed.append(text)
    assert len(missed) <= 0.03 * MADE, missed


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_is_found(kind: str) -> None:
    secret, text = make(Random(kind), kind)
    shown = redact(text)
    assert shown.kinds
    assert secret not in shown.text


def false_hits(paths: list[Path]) -> tuple[list[str], float]:
    """Return what is found in the files, and how many MB they hold."""
    texts = {path: path.read_text("utf-8", "replace") for path in paths}
    hits = [
        f"{path}:{text.count(chr(10), 0, hit.start) + 1} {hit.kind}"
        for path, text in texts.items()
        for hit in find_secrets(text)
    ]
    return hits, sum(map(len, texts.values())) / 1e6


def test_this_repository_has_less_than_one_false_hit_a_megabyte() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
    )
    if tracked.returncode:
        pytest.skip("no git repository here")
    hits, megabytes = false_hits([ROOT / name for name in tracked.stdout.split("\0") if (ROOT / name).is_file()])
    assert megabytes > 1
    assert hits == []


@pytest.mark.skipif(not TEXTS, reason=f"no shared texts in {SHARED}: set WARMLINE_SHARED")
def test_talks_papers_and_articles_have_at_most_one_false_hit_a_megabyte() -> None:
    hits, megabytes = false_hits(TEXTS)
    assert len(hits) <= megabytes, hits


@pytest.mark.parametrize(
    "text",
    [
        "password: changeme",
        'password = "your-password"',
        "PASSWORD=${DB_PASSWORD}",
        "password: <password>",
        "token = os.environ['TOKEN_7']",
        "token=secrets.token_hex(16)",
        'api_key = "xxxxxxxxxxxxxxxx"',
        "token: ${{ secrets.GITHUB_TOKEN2 }}",
        'secret = "my-example-secret-1"',
        "password: Optional[str] = None",
        "credential: CredentialId, at: datetime",
        "token_count: 12345678901234",
        "password_file=/run/secrets/db1/password",
        "https://user:password@example.org/",
        "https://user:${PASSWORD}@example.org/",
        "http://localhost:8080/a@b",
        "ghp_" + "x" * 36,
        "sk-your-api-key-goes-right-here",
        "class task-list-item-container-2 risk-assessment-matrix-of-2026",
        "Authorization: Bearer <token>",
        "Basic Operations for Tables",
        '{"auth": "bm90aGluZw==", "oauth": "userinfo", "auth": "disabled"}',
        "Private-Lines: 2\n...\nPrivate-MAC: ...",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "commit 4c9e17b38abdc1f5a44ef20917ba3d3ef1b8ac53",
        "the password is wrong and the token was refused",
        '"nextToken": "' + draw(Random(1), ALNUM, 40) + '"',
    ],
)
def test_what_stands_in_a_secrets_place_is_left_alone(text: str) -> None:
    assert find_secrets(text) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"postgres://app:{STRONG}@db:5432/x", "postgres://app:[redacted database-password]@db:5432/x"),
        (f"https://bo:{STRONG}@h/p?q=1", "https://bo:[redacted url-password]@h/p?q=1"),
        (f'{{"password": "{STRONG}", "a": 1}}', '{"password": "[redacted password]", "a": 1}'),
        (f"GITHUB_TOKEN=ghp_{DRAWN} make", "GITHUB_TOKEN=[redacted github-token] make"),
        (f"host=a password={STRONG} port=1", "host=a password=[redacted password] port=1"),
        (f"Server=a;Password={STRONG};Database=b", "Server=a;Password=[redacted password];Database=b"),
        (f"a?token={DRAWN}&b=1", "a?token=[redacted token]&b=1"),
        (f"Authorization: Bearer {DRAWN}", "Authorization: Bearer [redacted bearer-token]"),
        (f"mine is wl_{draw(Random(2), WORD, 42)}a.", "mine is [redacted warmline-token]."),
        (f"a\n{private_key(Random(3), 'RSA PRIVATE KEY')}\nb", "a\n[redacted private-key]\nb"),
        (f"machine h login me password {STRONG}\n", "machine h login me password [redacted password]\n"),
        (f"curl -u me:{STRONG} http://h", "curl -u me:[redacted basic-auth] http://h"),
        (f'{{"auth": "{BASIC}"}}', '{"auth": "[redacted basic-auth]"}'),
        (f'{{"auths":{{"a.b":{{"auth":"{BASIC}"}}}}}}', '{"auths":{"a.b":{"auth":"[redacted basic-auth]"}}}'),
    ],
)
def test_only_the_secret_is_masked(text: str, shown: str) -> None:
    assert redact(text).text == shown


def test_a_key_that_is_cut_off_is_masked_to_its_end() -> None:
    whole = private_key(Random(5), "OPENSSH PRIVATE KEY")
    assert redact(f"log: {whole[: len(whole) * 2 // 3]}").text == "log: [redacted private-key]"


def test_only_the_private_lines_of_puttys_key_are_masked_also_in_a_diff_and_when_they_are_cut_off() -> None:
    made = putty_key(Random(12))
    lines = made.written.replace("\r", "").split("\n")
    first = next(number for number, line in enumerate(lines) if line.startswith("Private-Lines")) + 1
    shown = "\n".join((*lines[:first], "[redacted private-key]", *lines[-2:]))
    assert redact("\n".join(lines)).text == shown
    assert redact("+" + "\n+".join(lines)).text == "+" + shown.replace("\n", "\n+")
    assert redact("\\n".join(lines)).text == shown.replace("\n", "\\n")
    cut_off = "\n".join((*lines[: first + 1], lines[first + 1][:20]))
    assert redact(cut_off).text == "\n".join((*lines[:first], "[redacted private-key]"))


def test_nine_of_ten_passwords_of_letters_alone_are_found_in_json_and_words_are_not() -> None:
    random, drawn = Random(13), 300
    texts = [f'{{"password": "{draw(random, ascii_letters, random.randrange(8, 21))}"}}' for _ in range(drawn)]
    assert sum(redact(text).kinds == ("password",) for text in texts) >= 0.85 * drawn
    for words in ("sunshine", "CorrectHorseBatteryStaple", "correct-horse", "PasswordAuthenticator", "HTTPBasicAuth"):
        assert find_secrets(f'{{"password": "{words}"}}') == []


@pytest.mark.parametrize("written", ["token={}", '"secret": "{}"', "Authorization: Bearer {}", "see sk-{} there"])
def test_a_secret_longer_than_a_rule_looks_is_masked_to_its_end(written: str) -> None:
    secret = draw(Random(6), HEX + ALNUM, 20 * LONGEST_LOOK)
    shown = redact(written.format(secret)).text
    assert left_of(secret, shown, "") == []
    assert len(shown) < 60


def test_the_kinds_are_told_in_order_and_each_once() -> None:
    assert redact(f"password={STRONG} ghp_{DRAWN} password={STRONG}x").kinds == ("password", "github-token")


@pytest.mark.parametrize("kind", sorted({rule.kind for rule in RULES}))
@pytest.mark.parametrize(
    "place",
    ["{}", 'token="{}"', "password={}", "https://a:{}@b", "Authorization: Bearer {}", "aws secret {} {}", "\\n{}"],
)
def test_no_mask_is_found(kind: str, place: str) -> None:
    assert find_secrets(place.replace("{}", mask(kind))) == []


def test_every_rule_names_its_source_and_what_calls_it() -> None:
    assert [rule.kind for rule in RULES if not rule.source or not rule.calls] == []
    assert [
        rule.kind
        for rule in RULES
        if any(call != call.lower() or len(call) < 3 for call in rule.calls)
        if rule.kind != "azure-client-secret"
    ] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.kind}-{rule.calls[0].strip()}")
def test_every_rule_looks_at_a_bounded_stretch(rule: Rule) -> None:
    _least, most = re._parser.parse(rule.form).getwidth()  # type: ignore[attr-defined]
    # These two may be longer: they cannot begin again within themselves, so each stretch is looked at but once.
    assert most <= 8 * LONGEST_LOOK or rule.kind in {"private-key", "jwt"}


@pytest.mark.parametrize("shift", range(-45, 5))
def test_a_secret_across_the_edge_of_a_window_is_found(shift: int) -> None:
    before = "." * (WINDOW_CHARACTERS + shift)
    assert redact(f"{before}ghp_{DRAWN}").text == f"{before}[redacted github-token]"


def test_letters_that_grow_in_lower_case_shift_nothing() -> None:
    before = "\u0130" * 40
    assert redact(f"{before} ghp_{DRAWN}").text == f"{before} [redacted github-token]"


def test_the_words_of_a_mask_name_no_secret_behind_it() -> None:
    text = f"{mask('aws-access-key')} and then {DRAWN}aB3d"
    assert redact(text).text == text


async def test_a_long_text_is_looked_through_aside_with_the_same_result() -> None:
    text = f"{'word ' * INLINE_CHARACTERS}ghp_{DRAWN}"
    assert await redact_aside(text) == redact(text)
    assert await redact_aside("short") == redact("short")


def test_importing_the_module_compiles_and_loads_nothing() -> None:
    program = "import sys, warmline.security.redaction; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert not {"ahocorasick_rs", "warmline.security.issued_rules"} & set(done.stdout.split())
