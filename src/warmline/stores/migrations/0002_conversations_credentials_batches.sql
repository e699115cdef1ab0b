-- Several participants, each with a credential; batches; what was stopped; what was imported.

alter table conversation add column closed_at integer;
create index conversation_newest on conversation (created_at);

alter table participant add column is_person integer not null default 0 check (is_person in (0, 1));
alter table participant add column status text;
alter table participant add column status_at integer;
alter table participant add column seen_at integer;
-- 'a' or 'b' where the old bridge's clients know this participant by that.
alter table participant add column legacy_session text check (legacy_session in ('a', 'b'));

alter table mailbox add column ordered integer not null default 0 check (ordered in (0, 1));
alter table mailbox add column answered_by text not null default 'anyone' check (answered_by in ('anyone', 'person'));

-- number is the order of acceptance; retention keeps the newest row, so that no number is given twice.
-- The checks of this table and the next spell out their alternatives: for `in` with more than two values SQLite
-- builds a temporary tree with each row that it writes.
-- in_reply_to may name a message that has gone to the archive. Only erasing updates a row.
create table message_2 (
    number integer primary key,
    id text not null unique,
    conversation text not null references conversation (id),
    sender text not null,
    kind text not null check (
        kind = 'question' or kind = 'answer' or kind = 'note' or kind = 'status' or kind = 'heartbeat' or kind = 'control'
    ),
    body text not null,
    sent_at integer not null,
    trace text not null,
    hops integer not null check (hops >= 0),
    in_reply_to text,
    idempotency_key text,
    deadline_at integer,
    answer text check ((answer is not null) = (kind = 'answer')),
    memories text check (memories is null or json_valid(memories)),
    metadata text check (metadata is null or json_valid(metadata)),
    erased_at integer
) strict;
insert into message_2
    (id, conversation, sender, kind, body, sent_at, trace, hops, in_reply_to, idempotency_key, deadline_at, answer)
select id, conversation, sender, kind, body, sent_at, trace, hops, in_reply_to, idempotency_key, deadline_at, answer
from message order by message.rowid;

create table delivery_2 (
    message_id text not null references message_2 (id),
    mailbox_id integer not null references mailbox (id),
    position integer not null check (position > 0),
    state text not null check (
        state = 'ready' or state = 'leased' or state = 'settled' or state = 'dead' or state = 'expired' or state = 'cancelled'
    ),
    deliveries integer not null default 0 check (deliveries >= 0),
    failures integer not null default 0 check (failures >= 0),
    lapses integer not null default 0 check (lapses >= 0),
    deadline_at integer,
    ready_at integer check (ready_at is null or state = 'ready'),
    lease_id text,
    holder text,
    lease_lapses_at integer,
    last_error text,
    ended_at integer,
    answer_id text,  -- no reference: SQLite would look for children in all of this table when a message leaves
    handed_at integer,
    handed_to text,
    -- The credential that received it in the batch of its lease_id; none for a lease out of no batch.
    reader text check (reader is null or state = 'leased'),
    -- The mailbox that it was sent to, when it was escalated since.
    sent_to integer references mailbox (id),
    -- The next moment at which time alone changes something: the lease lapses, the delay or the deadline ends.
    timed_at integer generated always as (
        iif(ended_at is null, min(
            coalesce(lease_lapses_at, ready_at, deadline_at), coalesce(deadline_at, lease_lapses_at, ready_at)
        ), null)
    ) virtual,
    check ((state = 'leased') = (lease_id is not null)),
    check ((state = 'leased') = (holder is not null)),
    check ((state = 'leased') = (lease_lapses_at is not null)),
    check ((state in ('ready', 'leased')) = (ended_at is null)),
    check (answer_id is null or state = 'settled'),
    primary key (message_id, mailbox_id)
) strict, without rowid;
insert into delivery_2
    (message_id, mailbox_id, position, state, deliveries, failures, lapses, deadline_at, ready_at, lease_id, holder,
     lease_lapses_at, last_error, ended_at, answer_id)
select message_id, mailbox_id, position, state, deliveries, failures, lapses, deadline_at, ready_at, lease_id, holder,
    lease_lapses_at, last_error, ended_at, answer_id
from delivery;

drop table delivery;
drop table message;
alter table message_2 rename to message;
alter table delivery_2 rename to delivery;

create unique index message_once on message (conversation, sender, idempotency_key) where idempotency_key is not null;
-- Partial, so that a person's own questions, which nobody follows, cost nothing.
create index message_said on message (conversation, number) where conversation <> 'default';

-- Partial, so that history costs a lease and a sweep nothing.
create index delivery_due on delivery (mailbox_id, position) where state = 'ready' and ready_at is null;
create index delivery_delayed on delivery (mailbox_id, position) where ready_at is not null;
create index delivery_leased on delivery (mailbox_id) where state = 'leased';
create index delivery_read on delivery (reader) where reader is not null;
create index delivery_timed on delivery (timed_at) where timed_at is not null;

-- Who may speak. The token itself is nowhere: only its SHA-256. Sets are JSON arrays, null is "all".
create table credential (
    id text primary key,
    token_hash blob not null unique check (length(token_hash) = 32),
    conversation text not null,
    name text not null,
    rights text not null check (json_valid(rights)),
    mailboxes text check (mailboxes is null or json_valid(mailboxes)),
    reads text not null check (json_valid(reads)),
    memories text check (memories is null or json_valid(memories)),
    is_person integer not null check (is_person in (0, 1)),
    per_minute integer check (per_minute > 0),
    per_hour integer check (per_hour > 0),
    per_day integer check (per_day > 0),
    created_at integer not null,
    expires_at integer,
    revoked_at integer,
    check ((per_minute is null) = (per_hour is null) and (per_hour is null) = (per_day is null)),
    foreign key (conversation, name) references participant (conversation, name)
) strict, without rowid;

-- What a credential has used up: due times as in rates.py, and the messages of one UTC day.
create table rate (
    credential_id text primary key,
    minute_due_at integer not null,
    hour_due_at integer not null,
    day integer not null,
    day_used integer not null
) strict, without rowid;

-- One hand-over to one reader. settled_ids and unanswered_ids are what the acknowledgement found: a second one says it again.
create table batch (
    number integer primary key,
    token text not null unique,
    mailbox_id integer not null references mailbox (id),
    reader text not null,
    message_ids text not null check (json_valid(message_ids)),
    handed_at integer not null,
    acknowledged_at integer,
    settled_ids text check (json_valid(settled_ids)),
    unanswered_ids text check (json_valid(unanswered_ids)),
    idempotency_key text,
    -- How often the reader asked for it again, by its key: what was seen again is not taken back from who left.
    repeats integer not null default 0,
    check ((acknowledged_at is null) = (settled_ids is null) and (settled_ids is null) = (unanswered_ids is null))
) strict;
create unique index batch_once on batch (reader, idempotency_key) where idempotency_key is not null;

create table stop (
    kind text not null check (kind in ('loop', 'rate', 'budget')),
    key text not null,
    conversation text not null,
    participant text not null,
    first_at integer not null,
    last_at integer not null,
    refusals integer not null check (refusals > 0),
    primary key (kind, key)
) strict, without rowid;
create index stop_latest on stop (last_at);

-- Audit rows that came along from an old bridge, as they stood there.
create table imported_audit (
    conversation text not null,
    number integer not null,
    session text,
    action text not null,
    details text,
    at integer,
    primary key (conversation, number)
) strict, without rowid;

update participant set is_person = 1 where name = 'owner';
insert into mailbox (conversation, name, answered_by) values ('default', 'owner', 'person');
