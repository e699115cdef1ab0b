-- Trust: what is written outside of the line can be told. See docs/decisions/0007-ledger.md.

-- Over what the row holds now; erased_seal is the seal that an erased message had before.
alter table message add column seal blob;
alter table message add column erased_seal blob;

-- What an old bridge held is known by its trace; see IMPORTED in model.py.
update message set trace = 'imported:' || trace where trace in (select message_id from imported_message);

-- timed_at is stored now: of a virtual column the preupdate hook cannot tell.
create table delivery_3 (
    message_id text not null references message (id),
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
    ) stored,
    check ((state = 'leased') = (lease_id is not null)),
    check ((state = 'leased') = (holder is not null)),
    check ((state = 'leased') = (lease_lapses_at is not null)),
    check ((state in ('ready', 'leased')) = (ended_at is null)),
    check (answer_id is null or state = 'settled'),
    primary key (message_id, mailbox_id)
) strict, without rowid;
insert into delivery_3
    (message_id, mailbox_id, position, state, deliveries, failures, lapses, deadline_at, ready_at, lease_id, holder,
     lease_lapses_at, last_error, ended_at, answer_id, handed_at, handed_to, reader, sent_to)
select message_id, mailbox_id, position, state, deliveries, failures, lapses, deadline_at, ready_at, lease_id, holder,
    lease_lapses_at, last_error, ended_at, answer_id, handed_at, handed_to, reader, sent_to
from delivery;
drop table delivery;
alter table delivery_3 rename to delivery;
create index delivery_due on delivery (mailbox_id, position) where state = 'ready' and ready_at is null;
create index delivery_delayed on delivery (mailbox_id, position) where ready_at is not null;
create index delivery_leased on delivery (mailbox_id) where state = 'leased';
create index delivery_read on delivery (reader) where reader is not null;
create index delivery_timed on delivery (timed_at) where timed_at is not null;

-- One row a verb, chained: hash is HMAC-SHA256 over the hash before and this row. Rows are only added, and never
-- hold a body or a credential.
create table audit (
    number integer primary key,
    at integer not null,
    verb text not null,
    actor text not null,
    conversation text,
    subject text,
    refusal text,
    detail text check (detail is null or json_valid(detail)),
    hash blob not null check (length(hash) = 36)
) strict;
create index audit_broken on audit (at) where verb = 'seal_broken';

-- The lower-case hexadecimal SHA-256 of an archive file's lines, whatever they are packed and encrypted in.
alter table archive_file add column digest text;

-- One row: the head of the audit's chain, and for each other table, by name, 16 bytes: the sum of its rows' weights.
create table ledger (
    id integer primary key check (id = 1),
    audit_number integer not null,
    audit_hash blob not null,
    sums blob not null,
    seal blob not null
) strict;
