-- Times are integer microseconds since 1970 UTC, in columns named *_at.

create table conversation (
    id text primary key,
    created_at integer not null
) strict, without rowid;

create table participant (
    conversation text not null references conversation (id),
    name text not null check (name <> ''),
    created_at integer not null,
    primary key (conversation, name)
) strict, without rowid;

create table mailbox (
    id integer primary key,
    conversation text not null references conversation (id),
    name text not null check (name <> ''),
    last_position integer not null default 0,
    unique (conversation, name)
) strict;

-- What was said. Rows are never updated.
create table message (
    id text primary key,
    conversation text not null references conversation (id),
    sender text not null,
    kind text not null check (kind in ('question', 'answer', 'note', 'status', 'heartbeat', 'control')),
    body text not null,
    sent_at integer not null,
    trace text not null,
    hops integer not null check (hops >= 0),
    in_reply_to text references message (id),
    idempotency_key text,
    deadline_at integer,
    answer text check ((answer is not null) = (kind = 'answer'))
) strict;

create unique index message_once on message (conversation, sender, idempotency_key) where idempotency_key is not null;

-- What becomes of it: one row a recipient. deadline_at is the message's, or a later one after a requeue.
create table delivery (
    message_id text not null references message (id),
    mailbox_id integer not null references mailbox (id),
    position integer not null check (position > 0),
    state text not null check (state in ('ready', 'leased', 'settled', 'dead', 'expired', 'cancelled')),
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
    answer_id text references message (id),
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

-- Partial, so that history costs a lease and a sweep nothing.
create index delivery_due on delivery (mailbox_id, position) where state = 'ready' and ready_at is null;
create index delivery_timed on delivery (timed_at) where timed_at is not null;

insert into conversation (id, created_at) values ('default', cast(unixepoch('subsec') * 1000000 as integer));
insert into participant (conversation, name, created_at)
select id, 'owner', created_at from conversation where id = 'default';
insert into mailbox (conversation, name) values ('default', 'memory');
