"""Secrets that their issuers marked, so that they are known wherever they stand. The most telling rule comes first."""

from __future__ import annotations

from warmline.security.secret_rule import FREE, LONGEST_LOOK, NEAR, WORD, Rule
from warmline.security.secret_shapes import is_issued, is_key_material, is_varied

_ALNUM = "[A-Za-z0-9]"
_HEX = "[0-9a-f]"
_BASE64 = "[A-Za-z0-9+/=]"
_LINE_END = r"(?:\\+[nr]|[\s\"'+>#|,])"
"""Of a key's lines, as they are quoted in diffs, comments, mails and string literals."""


_PUTTY_BEGINS = rf"Private-Lines: [0-9]{{1,4}}{_LINE_END}{{1,40}}+"

_KEY_BEGINS = r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"


def _marked(kind: str, marks: tuple[str, ...], body: str, at_least: int, source: str) -> Rule:
    """Return the rule of tokens that are one of the marks and then at least so many characters of body."""
    calls = tuple(dict.fromkeys(mark.lower() for mark in marks))
    any_mark = "|".join(mark.replace(".", r"\.") for mark in marks)
    end = "" if "A-Za-z0-9" in body else f"(?!{_ALNUM})"
    form = rf"{FREE}(?:{any_mark})(?P<body>{body}{{{at_least},{LONGEST_LOOK}}}+){end}"
    return Rule(kind, calls, form, source, is_issued, rest=body)


ISSUED_RULES = (
    Rule(
        "private-key",
        ("-----begin ",),
        rf"{_KEY_BEGINS}"
        r"(?:(?![\s\S]{0,63}?-----END)(?:[^-]++|-(?!----))++-----END [A-Z0-9 ]{0,60}-----"
        rf"|{_LINE_END}{{0,40}}+(?=[A-Za-z0-9+/=]{{24}})(?:[A-Za-z0-9+/=]++|{_LINE_END})++)",
        "RFC 7468 (PEM), RFC 4880 (armour), openssh PROTOCOL.key; line ends may be written \\n, the end be cut off",
        settles=rf"(?!{_KEY_BEGINS})[\s\S]{{80}}|{_KEY_BEGINS}[\s\S]*?-----[\s\S]{{80}}",
    ),
    Rule(
        "private-key",
        ("private-lines:",),
        rf"{_PUTTY_BEGINS}(?P<secret>(?={_BASE64}{{16}})(?:{_BASE64}{{64}}{_LINE_END}{{1,16}}(?={_BASE64}{{4}})(?!Private-MAC))*+"
        rf"{_BASE64}{{4,64}}+)",
        "PuTTY: the PPK file format, versions 2 and 3; the key's lines are base64, 64 characters each but the last",
        settles=rf"(?!{_PUTTY_BEGINS})[\s\S]{{80}}|{_PUTTY_BEGINS}[\s\S]*?Private-MAC",
    ),
    Rule(
        "aws-access-key",
        ("akia", "asia", "abia", "acca", "a3t"),
        rf"{FREE}(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z2-7]{{16}}(?![A-Za-z0-9])",
        "AWS IAM: identifiers, unique ids; base32 of the account and a counter",
        is_varied,
    ),
    Rule(
        "aws-secret-key",
        ("akia", "asia"),
        r"(?:AKIA|ASIA)[A-Z2-7]{16}[^A-Za-z0-9]{1,12}(?:[A-Za-z_ ]{0,40}[^A-Za-z0-9]{1,8}|)"
        r"(?P<secret>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
        "AWS IAM: 40 characters of base64, here right behind its access key id",
        is_key_material,
        reach=80,
    ),
    Rule(
        "aws-secret-key",
        ("aws", "secretaccesskey", "secret_access_key", "secret-access-key", "secret access key"),
        rf"{NEAR}{{3,64}}?(?<![A-Za-z0-9/+])(?P<secret>[A-Za-z0-9/+]{{40}})(?![A-Za-z0-9/+=])",
        "AWS IAM: 40 characters of base64, known only by what stands before it on its line",
        is_key_material,
        reach=64,
    ),
    _marked(
        "github-token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
        _ALNUM,
        30,
        "GitHub: token formats, 36 and more characters",
    ),
    _marked("github-token", ("github_pat_",), "[A-Za-z0-9_]", 40, "GitHub: fine-grained tokens, 82 characters"),
    _marked(
        "gitlab-token",
        (
            "glpat-",
            "gldt-",
            "glft-",
            "glsoat-",
            "glimt-",
            "glagent-",
            "gloas-",
            "glptt-",
            "glrt-",
            "glcbt-",
            "glffct-",
            "glrtr-",
            "GR1348941",
        ),
        "[A-Za-z0-9_.-]",
        20,
        "GitLab: token overview, prefixes",
    ),
    _marked(
        "slack-token",
        ("xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxo-", "xoxc-", "xoxd-", "xoxe-", "xoxe.xoxb-", "xoxe.xoxp-"),
        "[A-Za-z0-9%/+=-]",
        10,
        "Slack: token types",
    ),
    _marked("slack-token", ("xapp-",), "[A-Za-z0-9-]", 20, "Slack: app-level tokens"),
    Rule(
        "slack-webhook",
        ("hooks.slack.com/", "hooks.slack-gov.com/"),
        r"(?i:hooks\.slack(?:-gov)?\.com)/(?:services|workflows|triggers)/"
        rf"(?P<secret>[A-Za-z0-9_/+-]{{20,{LONGEST_LOOK}}}+)",
        "Slack: incoming webhooks",
        is_issued,
        rest="[A-Za-z0-9_/+-]",
    ),
    _marked(
        "stripe-key",
        ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "sk_prod_", "rk_prod_"),
        _ALNUM,
        10,
        "Stripe: API keys",
    ),
    _marked("stripe-key", ("whsec_",), "[A-Za-z0-9+/=]", 20, "Stripe: webhook signing secrets; Svix has the same"),
    _marked("anthropic-key", ("sk-ant-",), WORD, 20, "Anthropic: API keys, `sk-ant-` with a kind and a number"),
    _marked(
        "openai-key", ("sk-",), WORD, 20, "OpenAI and those that took its form over: sk-, sk-proj-, sk-svcacct-, sk-or-"
    ),
    _marked("google-api-key", ("AIza",), WORD, 35, "Google Cloud: API keys, 39 characters"),
    _marked("google-token", ("ya29.",), "[A-Za-z0-9_.-]", 20, "Google: OAuth access tokens"),
    _marked("google-token", ("1//0",), WORD, 40, "Google: OAuth refresh tokens"),
    _marked("google-client-secret", ("GOCSPX-",), WORD, 24, "Google: OAuth client secrets, 28 characters"),
    Rule(
        "azure-client-secret",
        ("q~",),
        rf"(?<![A-Za-z0-9_~.])[A-Za-z0-9_~.-]{{3}}[0-9]Q~[A-Za-z0-9_~.-]{{30,{LONGEST_LOOK}}}+",
        "Microsoft Entra: client secrets, 3 characters, a digit, `Q~` and 31 to 34 more",
        is_issued,
        rest="[A-Za-z0-9_~.-]",
        before=(4,),
    ),
    Rule(
        "azure-storage-key",
        ("accountkey", "sharedaccesskey"),
        rf"(?i:accountkey|sharedaccesskey)[\"']?\s?[=:]\s?[\"']?(?P<secret>{_BASE64}{{40,{LONGEST_LOOK}}}+)",
        "Azure: connection strings of Storage (64 bytes in base64), Service Bus and Event Hubs (32)",
        is_key_material,
        rest=_BASE64,
        reach=20,
    ),
    Rule(
        "azure-sas-signature",
        ("sig=",),
        rf"(?<=[?&;])(?i:sig)=(?P<secret>[A-Za-z0-9%+/=_-]{{40,{LONGEST_LOOK}}}+)",
        "Azure: shared access signatures, 32 bytes in base64, in a URL",
        is_issued,
        rest="[A-Za-z0-9%+/=_-]",
    ),
    Rule(
        "jwt",
        ("eyj",),
        rf"(?:(?<!{WORD})eyJ{WORD}{{10,8192}}+|{FREE}eyJ{WORD}{{10,{LONGEST_LOOK}}}+)(?:\.{WORD}{{4,8192}}+){{1,4}}+",
        'RFC 7519, RFC 7515, RFC 7516: a header that begins with `{"`, and two or four more parts',
        is_issued,
        rest="[A-Za-z0-9_.-]",
    ),
    _marked("npm-token", ("npm_",), _ALNUM, 30, "npm: access tokens, 36 characters"),
    Rule(
        "npm-token",
        (":_auth", "_password"),
        rf"(?::_authToken|:_auth|:_password)\s?=\s?[\"']?(?P<secret>[A-Za-z0-9+/=_-]{{8,{LONGEST_LOOK}}}+)",
        "npm: .npmrc, auth related configuration",
        is_issued,
        rest="[A-Za-z0-9+/=_-]",
        reach=20,
    ),
    _marked("pypi-token", ("pypi-AgE", "pypi-AgEN"), WORD, 40, "PyPI: API tokens, a macaroon in base64"),
    _marked("hugging-face-token", ("hf_", "api_org_"), _ALNUM, 30, "Hugging Face: access tokens, 34 letters"),
    Rule(
        "sendgrid-key",
        ("sg.",),
        rf"{FREE}SG\.{WORD}{{16,32}}\.{WORD}{{32,{LONGEST_LOOK}}}+",
        "SendGrid: API keys, 22 and 43 characters",
        is_issued,
    ),
    Rule(
        "twilio-key",
        tuple(f"sk{digit}" for digit in "0123456789abcdef"),
        rf"{FREE}SK[0-9a-fA-F]{{32}}(?![A-Za-z0-9])",
        "Twilio: API keys, SK and 32 hexadecimal digits",
        is_issued,
    ),
    Rule(
        "twilio-token",
        ("twilio",),
        rf"{NEAR}{{6,100}}?(?<![A-Za-z0-9])(?P<secret>{_HEX}{{32}})(?![A-Za-z0-9])",
        "Twilio: auth tokens, 32 hexadecimal digits, known only by what stands before them on their line",
        is_issued,
        reach=100,
    ),
    _marked("digitalocean-token", ("dop_v1_", "doo_v1_", "dor_v1_"), _HEX, 40, "DigitalOcean: token prefixes"),
    Rule(
        "telegram-token",
        (":aa",),
        rf"(?:(?<![A-Za-z0-9])|(?<=/bot))[0-9]{{8,12}}:AA{WORD}{{33,{LONGEST_LOOK}}}+",
        "Telegram: bot API, the bot's number and 35 characters",
        is_issued,
        before=(10, 9, 11, 8, 12),
    ),
    Rule(
        "discord-token",
        ("discord", "bot "),
        rf"{NEAR}{{3,80}}?(?<![A-Za-z0-9])(?P<secret>[MNO][A-Za-z0-9_-]{{22,28}}\.{WORD}{{6,7}}\.{WORD}{{27,40}})",
        "Discord: a bot's id in base64, a time and an HMAC",
        is_issued,
        reach=80,
    ),
    Rule(
        "discord-webhook",
        ("/api/webhooks/",),
        rf"/api/webhooks/[0-9]{{15,22}}/(?P<secret>{WORD}{{40,{LONGEST_LOOK}}}+)",
        "Discord: webhook resource",
        is_issued,
        rest=WORD,
    ),
    _marked("docker-token", ("dckr_pat_", "dckr_oat_"), WORD, 20, "Docker Hub: access tokens"),
    _marked("warmline-token", ("wl_",), WORD, 40, "docs/line.md: 32 random bytes in base64"),
    _marked(
        "shopify-token", ("shpat_", "shpca_", "shppa_", "shpss_"), "[0-9a-fA-F]", 32, "Shopify: access token prefixes"
    ),
    _marked("vault-token", ("hvs.", "hvb.", "hvr."), WORD, 24, "HashiCorp Vault: token prefixes"),
    _marked("grafana-token", ("glsa_", "glc_"), "[A-Za-z0-9_+/=]", 32, "Grafana: service account and cloud tokens"),
    _marked("linear-key", ("lin_api_",), _ALNUM, 32, "Linear: API keys"),
    _marked("notion-token", ("ntn_",), _ALNUM, 40, "Notion: integration tokens"),
    _marked("pulumi-token", ("pul-",), _HEX, 40, "Pulumi: access tokens"),
    _marked("rubygems-key", ("rubygems_",), _HEX, 40, "RubyGems: API keys"),
    _marked("sentry-token", ("sntrys_", "sntryu_"), "[A-Za-z0-9_+/=]", 40, "Sentry: auth token prefixes"),
    _marked("postman-key", ("PMAK-",), "[0-9a-f-]", 50, "Postman: API keys"),
    _marked("planetscale-token", ("pscale_tkn_", "pscale_pw_", "pscale_oauth_"), "[A-Za-z0-9_.=-]", 32, "PlanetScale"),
    _marked("databricks-token", ("dapi",), _HEX, 32, "Databricks: personal access tokens"),
    _marked("fly-token", ("fo1_", "fm1r_", "fm1a_", "fm2_"), "[A-Za-z0-9_+/=-]", 40, "Fly.io: access tokens"),
    _marked("age-key", ("AGE-SECRET-KEY-1",), "[0-9A-Z]", 50, "age: identities, bech32"),
    _marked("artifactory-key", ("AKCp",), _ALNUM, 60, "JFrog Artifactory: API keys"),
    _marked("alibaba-access-key", ("LTAI",), _ALNUM, 16, "Alibaba Cloud: AccessKey ids"),
    _marked("doppler-token", ("dp.pt.", "dp.st.", "dp.ct.", "dp.sa."), "[A-Za-z0-9_.-]", 40, "Doppler: token formats"),
    _marked("figma-token", ("figd_",), WORD, 32, "Figma: personal access tokens"),
    _marked("perplexity-key", ("pplx-",), _ALNUM, 40, "Perplexity: API keys"),
    _marked("groq-key", ("gsk_",), _ALNUM, 40, "Groq: API keys"),
    _marked("xai-key", ("xai-",), _ALNUM, 60, "xAI: API keys"),
    _marked("replicate-token", ("r8_",), _ALNUM, 35, "Replicate: API tokens"),
    _marked("langsmith-key", ("lsv2_pt_", "lsv2_sk_"), "[0-9a-f_]", 32, "LangSmith: API keys"),
    _marked("tailscale-key", ("tskey-",), "[A-Za-z0-9-]", 24, "Tailscale: key prefixes"),
    _marked("square-token", ("sq0atp-", "sq0csp-"), WORD, 22, "Square: access tokens"),
    _marked("facebook-token", ("EAAM", "EAAC"), _ALNUM, 100, "Meta: Graph API access tokens"),
    _marked("1password-token", ("ops_eyJ",), "[A-Za-z0-9+/=_-]", 200, "1Password: service account tokens"),
)
