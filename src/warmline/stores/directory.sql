-- The statements of the directory's verbs, named <verb> or <verb>_<step>.
--
-- Those that write touch a handful of rows by their keys; those that people read run on the reader's connection.

-- name: conversation
select id, created_at, closed_at from conversation where id = :conversation

-- name: conversation_participants
select conversation, name, is_person, status, status_at, seen_at, legacy_session
from participant where conversation = :conversation order by name

-- name: conversations
select id, created_at, closed_at from conversation order by created_at desc, id desc limit :limit

-- name: conversations_participants
select conversation, name, is_person, status, status_at, seen_at, legacy_session
from participant where conversation in (select value from json_each(:conversations)) order by conversation, name

-- name: new_conversation
insert into conversation (id, created_at, closed_at) values (:id, :created_at, :closed_at)

-- name: said
select id, conversation, sender, kind, body, sent_at, trace, hops, in_reply_to, idempotency_key, deadline_at, answer,
    memories, metadata, erased_at, erased_seal, seal, number
from message where conversation = :conversation and conversation <> 'default' and number > :after
order by number limit :limit

-- name: said_default
select id, conversation, sender, kind, body, sent_at, trace, hops, in_reply_to, idempotency_key, deadline_at, answer,
    memories, metadata, erased_at, erased_seal, seal, number
from message where conversation = 'default' and number > :after order by number limit :limit

-- name: said_deliveries
select d.message_id, b.conversation, b.name, d.position, d.state, d.deliveries, d.failures, d.lapses, d.ready_at,
    d.holder, d.lease_lapses_at, d.last_error, d.ended_at, d.deadline_at, d.handed_at, d.handed_to
from delivery d join mailbox b on b.id = d.mailbox_id
where d.message_id in (select value from json_each(:message_ids)) order by b.name, b.conversation

-- name: said_answers
select d.message_id, d.answer_id from delivery d
where d.message_id in (select value from json_each(:message_ids)) and d.answer_id is not null

-- name: close_conversation
update conversation set closed_at = :closed_at where id = :conversation

-- name: participant
select conversation, name, is_person, status, status_at, seen_at, legacy_session
from participant where conversation = :conversation and name = :name

-- name: add_participant
insert into participant (conversation, name, created_at, is_person, status, status_at, seen_at, legacy_session)
values (:conversation, :name, :created_at, :is_person, :status, :status_at, :seen_at, :legacy_session)

-- name: add_participant_mailbox
insert into mailbox (conversation, name, answered_by) values (:conversation, :name, :answered_by)
on conflict do update set answered_by = 'person' where excluded.answered_by = 'person'

-- name: report
update participant
set seen_at = :at, status = coalesce(:status, status), status_at = iif(:status is null, status_at, :at)
where conversation = :conversation and name = :name

-- name: seen
update participant set seen_at = :at where conversation = :conversation and name = :name

-- name: mailbox_states
select b.conversation, b.name, b.ordered, b.answered_by,
    (select count(*) from delivery d where d.mailbox_id = b.id and d.state = 'ready' and d.ready_at is null)
        + (select count(*) from delivery d where d.mailbox_id = b.id and d.ready_at is not null),
    (select count(*) from delivery d where d.mailbox_id = b.id and d.state = 'leased')
from mailbox b order by b.conversation, b.name

-- name: mailbox_states_in
select b.conversation, b.name, b.ordered, b.answered_by,
    (select count(*) from delivery d where d.mailbox_id = b.id and d.state = 'ready' and d.ready_at is null)
        + (select count(*) from delivery d where d.mailbox_id = b.id and d.ready_at is not null),
    (select count(*) from delivery d where d.mailbox_id = b.id and d.state = 'leased')
from mailbox b where b.conversation = :conversation order by b.name

-- name: set_policy
update mailbox set ordered = :ordered, answered_by = :answered_by where id = :mailbox_id

-- name: add_credential
insert into credential
    (id, token_hash, conversation, name, rights, mailboxes, reads, memories, is_person, per_minute, per_hour, per_day,
     created_at, expires_at, revoked_at)
values
    (:id, :token_hash, :conversation, :name, :rights, :mailboxes, :reads, :memories, :is_person, :per_minute, :per_hour,
     :per_day, :created_at, :expires_at, :revoked_at)

-- name: add_credential_taken
select 1 from credential where id = :id or token_hash = :token_hash

-- name: credentials
select token_hash, id, conversation, name, rights, mailboxes, reads, memories, is_person, per_minute, per_hour,
    per_day, created_at, expires_at, revoked_at
from credential

-- name: credential
select token_hash, id, conversation, name, rights, mailboxes, reads, memories, is_person, per_minute, per_hour,
    per_day, created_at, expires_at, revoked_at
from credential where id = :id

-- name: revoke
update credential set revoked_at = :at where id = :id and revoked_at is null

-- name: extend_credential
update credential set expires_at = :expires_at where id = :id

-- name: stops
select kind, key, conversation, participant, first_at, last_at, refusals
from stop where last_at >= :since_at order by last_at desc
