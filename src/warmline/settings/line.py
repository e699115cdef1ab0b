"""Limits of the line itself: what may be said, how it is worked on, kept, and found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

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

    guest_rate: Limits = field(default_factory=lambda: Limits(per_minute=6_000, per_hour=60_000, per_day=500_000))
    """Of all together who show no token: a hundred a second for a minute, and a day's questions still fit the disk."""


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

    max_batch: int = 256
    """Verbs committed together, in one round or in several: the first of them waits some 25 ms for the others."""

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

    max_path_bytes: int = 8 * 1024
    """Of a path that somebody names, in UTF-8: twice what a system takes, which a root's name may stand before."""

    max_depth: int = 100
    """Folders below a root: deeper trees are made by accident, such as by a tool that copied into itself."""

    max_listed_skips: int = 1000
    """Skipped files that a report names; it counts all of them."""

    max_listed_secrets: int = 1000
    """Files with secrets that a report names; it counts all of them."""

    max_dropped_files: int = 256
    """Files that are gone, of which each search looks whether they are back: less than half a millisecond."""

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
