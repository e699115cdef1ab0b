"""Every limit of the line in one place: its unit is in its type or name, its reason beside it.

Settings are values: made once by the composition root and handed down, never read from a module.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from warmline.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSettings:
    """Limits on what may be said."""

    max_body_bytes: int = 1024 * 1024
    """Of UTF-8. A question longer than this is a file, and files belong into the memory."""

    max_key_characters: int = 200
    """Of an idempotency key: a UUID or a digest with a prefix fits many times over."""

    question_deadline: timedelta = timedelta(minutes=10)
    """When nobody else said so. Longer than a slow model's answer with retries, shorter than a coffee break."""

    max_deadline: timedelta = timedelta(days=30)
    """The longest deadline that may be asked for: an asker on holiday still finds the question alive."""

    max_wait: timedelta = timedelta(hours=1)
    """The longest single wait over one HTTP request; a ticket can be waited for again."""

    max_listed: int = 1000
    """Questions or messages in one list: keeps a read of the store short."""

    max_name_characters: int = 100
    """Of a participant or mailbox: it is shown in one line with others."""

    max_metadata_bytes: int = 16 * 1024
    """Of a message's metadata, as JSON: names of files and the like; what is longer belongs into the body."""

    max_metadata_depth: int = 32
    """Lists and objects within one another in metadata: what writes JSON gives up at 255, and others before."""

    max_status_bytes: int = 1024
    """Of UTF-8, in what a participant says about itself: it is shown in one line."""

    max_reason_bytes: int = 4 * 1024
    """Of UTF-8, in the refusal of a note: it stands in the delivery's row and in the notice to the sender."""

    max_participants: int = 200
    """In one conversation: a broadcast writes one delivery for each in one transaction."""

    max_batch: int = 100
    """Messages in one `receive`: as many as an agent can keep in mind, many times over."""

    receive_lease: timedelta = timedelta(minutes=5)
    """What was handed to a reader comes back after this long: an agent's turn with tools fits."""

    max_receive_lease: timedelta = timedelta(hours=1)
    """The longest that a reader may ask for; it can be extended."""

    escalation_deadline: timedelta = timedelta(hours=24)
    """A person looks once a day; an asker that named a deadline keeps its own."""

    rate: Limits = field(default_factory=lambda: Limits(per_minute=60, per_hour=1_000, per_day=10_000))
    """Of a credential that names none: ten times what a busy agent sends, a hundredth of a runaway loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchSettings:
    """Limits on how questions are worked on."""

    lease: timedelta = timedelta(seconds=30)
    """Long enough that a busy machine extends in time, short enough that a killed worker's question waits little."""

    extend_share: int = 3
    """A lease is extended when one part of this many has passed: two extensions may fail and it still holds."""

    max_failures: int = 3
    """Answerers that fail three times at a question fail a fourth time."""

    retry_delay: timedelta = timedelta(seconds=1)
    """Before the second try. Doubles with each failure, with jitter of a half either way."""

    max_retry_delay: timedelta = timedelta(seconds=60)
    """A tenth of the default deadline: a question is tried to the end of its limit before it expires."""

    drain: timedelta = timedelta(seconds=10)
    """How long a shutdown waits for answers in progress; what is left is released without blame."""

    workers: int = 2
    """Answerers at work side by side, for an answerer that is bound by the processor."""

    passages: int = 40
    """Lines of evidence asked of the memory for a question: about 2,000 tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Limits of the durable store."""

    max_lapses: int = 100
    """Lapses through 50 killed daemons in a row bury nothing; an endless crash loop ends."""

    checkpoint_pages: int = 8000
    """Of 2 KB: a WAL of 16 MB keeps checkpoints under one in a thousand questions."""

    max_hops: int = 24
    """Machine-made messages in one trace: agents that help each other need a few, a loop any number."""

    max_batch: int = 512
    """Verbs committed together: bounds how long the first of them waits."""

    archive_units: int = 1000
    """Messages with their answers in one file of the archive, and in one transaction: others wait some 20 ms for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionSettings:
    """How long messages, and the audit's rows, stay in the database."""

    keep: timedelta = timedelta(days=30)
    """After it was settled a message moves into the archive: longer than any deadline."""

    keep_audit: timedelta = timedelta(days=90)
    """Of the audit's rows: three times as long as what they tell of; what is asked about later is read from files."""

    period: timedelta = timedelta(days=1)
    """A day's messages are moved in a few seconds."""

    first_look: timedelta = timedelta(minutes=1)
    """After the start: a daemon that is started for one question does nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """Limits on what refused tries add to the audit."""

    period: timedelta = timedelta(seconds=1)
    """Refusals of so long are written together: who knocks a thousand times adds one row."""

    max_rows: int = 20
    """Written together: a person reads as many; more kinds of refusals in a second are an attack, and are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySettings:
    """Limits on what is read into the memory."""

    max_file_bytes: int = 16 * 1024 * 1024
    """A larger file is data rather than text to ask about."""

    max_line_bytes: int = 1024 * 1024
    """A longer line is not one that a person could be shown; its file is skipped."""

    max_depth: int = 100
    """Folders below a root: deeper trees are made by accident, such as by a tool that copied into itself."""

    max_listed_skips: int = 1000
    """Skipped files that a report names; it counts all of them."""

    max_listed_secrets: int = 1000
    """Files with secrets that a report names; it counts all of them."""

    batch_bytes: int = 64 * 1024 * 1024
    """Of text, committed to the index together: what a killed indexer has to read again at most."""

    writer_heap_bytes: int = 64 * 1024 * 1024
    """Of the indexing process, before it writes a segment: the next step up gains nothing."""

    writer_threads: int = 1
    """One keeps pace with the reading of files, and makes the same index of the same files."""

    min_confidence: float = 0.5
    """Of a recollection, from 0 to 1: below it, that the memory does not hold the answer is the better bet."""

    blocks_read: int = 40
    """Blocks whose lines are ranked for a question: more cost time and find nothing more."""

    bytes_read: int = 40 * 1024
    """Of these blocks together, however long their lines: bounds the time of a search. Five times what is shown."""

    max_quote_bytes: int = 64 * 1024
    """Of a claim, in UTF-8. Answers are shown in 10 KB: what is longer is no quote, and is not looked for."""

    max_claims: int = 200
    """Checked for one answer; the rest are unsupported. Each costs up to 0.3 s in the largest file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """Limits on who comes in over HTTP, known or not."""

    unix_connections: int = 10_000
    """At once on the home's socket: each agent that waits holds one. No stranger can take them: it is 0600."""

    tcp_connections: int = 512
    """At once over TCP. One of a stranger costs 20 KB, with TLS 100 KB."""

    tcp_requests: int = 256
    """Worked on at once over TCP: bounds the bodies of 8 MiB that are held at once by those with a credential."""

    stranger_bodies: int = 4
    """Read at once of callers whose credential stands in the body, as an old bridge's clients have it: 32 MiB."""

    spare_descriptors: int = 512
    """For everything but connections: the store, the index, the memory's files, workers."""

    accept_pause: timedelta = timedelta(milliseconds=100)
    """When the system has no descriptor left: to ask again at once would only burn the processor."""

    request_line_bytes: int = 60 * 1024
    """Of a URL: a long question to `memory search` fits. What takes URLs apart ends at 64 KiB."""

    head_bytes: int = 64 * 1024
    """Of a request's head: what a generous proxy adds fits many times over."""

    headers: int = 100
    """In one head: a browser sends twenty."""

    pipelined: int = 8
    """Requests sent ahead on one connection: each that waits costs 3 KB."""

    head_patience: timedelta = timedelta(seconds=10)
    """From the connection, or a head's first byte, to its last: a slow network takes three seconds."""

    idle_patience: timedelta = timedelta(minutes=1)
    """Between the requests of one who is known; a stranger has no longer than for a head."""

    body_grace: timedelta = timedelta(seconds=10)
    """Before a body is measured; a stranger's has to be there by then."""

    body_bytes_per_second: int = 4096
    """On average after that: slower than any modem, and 8 MiB still end within 35 minutes."""

    read_patience: timedelta = timedelta(seconds=20)
    """A peer that takes in less than a tenth of what waits for it within this long is gone."""

    discarded_bytes: int = 16 * 1024 * 1024
    """Of a body that is refused, which is read to its end so that the refusal arrives: twice the largest."""

    last_words: timedelta = timedelta(seconds=2)
    """For a peer to read why it is refused before the connection is cut."""

    watch_period: timedelta = timedelta(seconds=1)
    """How often the patience with connections is looked at, while there are any."""

    free_tries: int = 5
    """Wrong tokens from one address that are answered at once: somebody looks for the right one among a few."""

    try_delay: timedelta = timedelta(milliseconds=100)
    """Of the answer to the next one; doubles with each."""

    max_try_delay: timedelta = timedelta(seconds=1)
    """Guessing 256 bits is hopeless at any rate: this only keeps the noise down."""

    tries_forgotten: timedelta = timedelta(minutes=1)
    """After an address's last wrong token."""

    addresses_noted: int = 1024
    """From which wrong tokens came; the one that was quiet for longest makes room."""

    delayed_at_once: int = 64
    """Answers held back; those beyond are told to come later (429), and their connection ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonSettings:
    """Limits of the process that owns a home."""

    host: str = "127.0.0.1"
    """An address or a name of this machine. One that other machines reach wants a certificate, or unencrypted."""

    port: int = 9276
    """WARM on a telephone's keys. Where it is taken, the daemon serves its Unix socket and says so."""

    tls_cert: Path | None = None
    """A file in PEM: the certificate, then those between it and its authority. Over TCP all is TLS then."""

    tls_key: Path | None = None
    """Its key, in PEM, 0600."""

    unencrypted: bool = False
    """Said twice, by host and by this: other machines may speak without TLS, and whoever listens in reads it all."""

    idle_leave: timedelta = timedelta(minutes=15)
    """An auto-started daemon with nothing to do leaves after this long; the next ask starts it again."""

    start_limit: timedelta = timedelta(seconds=30)
    """How long a client waits for the daemon that it started."""

    stop_limit: timedelta = timedelta(seconds=30)
    """How long `stop` waits: the drain, and as much again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmSettings:
    """Limits of the guardian and of the workers' programs."""

    guardian_start: timedelta = timedelta(seconds=10)
    """It needs 0.1 s, and up to `outlive` more when one before it left processes behind."""

    guardian_starts: int = 5
    """Tries in a row to start one after another was lost; a spawn then tries anew."""

    guardian_restart_delay: timedelta = timedelta(milliseconds=100)
    """Before the second try; doubles with each."""

    reply: timedelta = timedelta(seconds=5)
    """For each answer of the guardian: it waits for nothing itself, so longer means that it is stopped."""

    look: timedelta = timedelta(seconds=5)
    """Between two looks at the table of processes (20 us each). Only who clears its environment can hide in between."""

    look_without_subreaper: timedelta = timedelta(milliseconds=500)
    """There, a process whose parent died between two looks is lost."""

    kill_round: timedelta = timedelta(milliseconds=10)
    """Between two rounds of KILL: a process that forks in a loop is outrun, a core is not used up."""

    end_of_input: timedelta = timedelta(seconds=1)
    """After the end of its input, a worker that is idle leaves by itself within this."""

    grace: timedelta = timedelta(seconds=2)
    """From TERM to KILL: agents measured so far need 0.03 s."""

    last_grace: timedelta = timedelta(seconds=1)
    """From TERM to KILL when the daemon is gone: everything is to be ended 5 s later."""

    outlive: timedelta = timedelta(seconds=3)
    """How long a process may outlive SIGKILL (it waits for a disk or a dead mount) until it is given up and named."""

    stream_bytes: int = 16 * 1024 * 1024
    """Of one line that a worker writes: tool results of several megabytes were seen."""

    subreaper: bool = True
    """False: do as on systems that have none."""

    cgroups: bool = True
    """Give each worker a cgroup where one can be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of them."""

    bridge: BridgeSettings = field(default_factory=BridgeSettings)
    dispatch: DispatchSettings = field(default_factory=DispatchSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    memory: MemorySettings = field(default_factory=MemorySettings)
    daemon: DaemonSettings = field(default_factory=DaemonSettings)
    doors: DoorSettings = field(default_factory=DoorSettings)
    warm: WarmSettings = field(default_factory=WarmSettings)
