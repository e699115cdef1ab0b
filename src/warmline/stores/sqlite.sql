-- The statements of the verbs, named <verb> or <verb>_<step>.
--
-- Hot verbs read first and then change one row by its whole key, without `returning`: SQLite then
-- opens no statement journal, which costs more than all the rest. Nobody else writes in between.

-- name: mailboxes
select b.id, b.conversation, b.name, b.ordered, b.answered_by, c.closed_at is not null
from mailbox b join conversation c on c.id = b.conversation

-- name: mailboxes_in
select b.id, b.conversation, b.name, b.ordered, b.answered_by, c.closed_at is not null
from mailbox b join conversation c on c.id = b.conversation where b.conversation = :conversation

-- name: add_mailbox_conversation
insert into conversation (id, created_at) values (:conversation, :now_at) on conflict do nothing

-- name: add_mailbox
insert into mailbox (conversation, name) values (:conversation, :name) on conflict do nothing returning id

-- name: add_same_key
select id, conversation, sender, kind, body, sent_at, trace, hops, in_reply_to, idempotency_key, deadline_at, answer,
    memories, metadata, erased_at, erased_seal, seal
from message where conversation = :conversation and sender = :sender and idempotency_key = :idempotency_key

-- name: add_sent_to
select coalesce(sent_to, mailbox_id) from delivery where message_id = :message_id

-- name: position
select last_position from mailbox where id = :mailbox_id

-- name: position_take
update mailbox set last_position = :last_position where id = :mailbox_id

-- name: add_message
insert into message
    (id, conversation, sender, kind, body, sent_at, trace, hops, in_reply_to, idempotency_key, deadline_at, answer,
     memories, metadata, seal)
values
    (:id, :conversation, :sender, :kind, :body, :sent_at, :trace, :hops, :in_reply_to, :idempotency_key,
     :deadline_at, :answer, :memories, :metadata, :seal)

-- name: add_delivery
insert into delivery
    (message_id, mailbox_id, position, state, deliveries, failures, lapses, deadline_at, lease_id, holder,
     lease_lapses_at, last_error, handed_at, handed_to, reader, ended_at, answer_id)
values
    (:message_id, :mailbox_id, :position, :state, :deliveries, :failures, :lapses, :deadline_at, :lease_id, :holder,
     :lease_lapses_at, :last_error, :handed_at, :handed_to, :reader, :ended_at, :answer_id)

-- name: message
select id, conversation, sender, kind, body, sent_at, trace, hops, in_reply_to, idempotency_key, deadline_at, answer,
    memories, metadata, erased_at, erased_seal, seal, number
from message where id = :message_id

-- name: lease_first
select message_id, deliveries, failures, lapses
from delivery indexed by delivery_due
where mailbox_id = :mailbox_id and state = 'ready' and ready_at is null
order by position limit :limit

-- name: due
select count(*), coalesce(max(position), 0), coalesce(sum(deliveries), 0)
from delivery indexed by delivery_due
where mailbox_id = :mailbox_id and state = 'ready' and ready_at is null

-- name: lease_is_blocked
select 1 from delivery indexed by delivery_leased where mailbox_id = :mailbox_id and state = 'leased'
union all
select 1 from delivery indexed by delivery_delayed
where mailbox_id = :mailbox_id and ready_at is not null and position < (
    select position from delivery indexed by delivery_due
    where mailbox_id = :mailbox_id and state = 'ready' and ready_at is null
    order by position limit 1
)
limit 1

-- name: lease
update delivery
set state = 'leased', deliveries = :deliveries, lease_id = :lease_id, holder = :holder, lease_lapses_at = :lapses_at,
    handed_at = :now_at, handed_to = :holder, reader = :reader
where message_id = :message_id and mailbox_id = :mailbox_id

-- name: held
select position, failures, lapses, lease_lapses_at, last_error, deadline_at, handed_at, handed_to, reader from delivery
where message_id = :message_id and mailbox_id = :mailbox_id
    and deliveries = :deliveries and lease_id = :lease_id and state = 'leased'

-- name: answer_id
select answer_id from delivery where message_id = :id and answer_id is not null

-- name: answer
select id, conversation, sender, kind, body, sent_at, trace, hops, in_reply_to, idempotency_key, deadline_at, answer,
    memories, metadata, erased_at, erased_seal, seal
from message where id = :answer_id and in_reply_to = :id

-- name: extend
update delivery set lease_lapses_at = :lapses_at
where message_id = :message_id and mailbox_id = :mailbox_id

-- name: settle
update delivery
set state = 'settled', lease_id = null, holder = null, lease_lapses_at = null, reader = null, ended_at = :now_at,
    answer_id = :answer_id
where message_id = :message_id and mailbox_id = :mailbox_id

-- name: nack
update delivery
set state = 'ready', failures = failures + 1, last_error = :error, ready_at = :ready_at,
    lease_id = null, holder = null, lease_lapses_at = null, reader = null
where message_id = :message_id and mailbox_id = :mailbox_id

-- name: release
update delivery
set state = 'ready', lease_id = null, holder = null, lease_lapses_at = null, reader = null
where message_id = :message_id and mailbox_id = :mailbox_id

-- name: bury
update delivery
set state = 'dead', failures = failures + 1, last_error = :error, ended_at = :now_at,
    lease_id = null, holder = null, lease_lapses_at = null, reader = null
where message_id = :message_id and mailbox_id = :mailbox_id

-- name: bury_broken
update delivery set state = 'dead', last_error = :error, ended_at = :now_at
where message_id = :message_id and mailbox_id = :mailbox_id

-- name: cancel
update delivery
set state = 'cancelled', ended_at = :now_at, ready_at = null, lease_id = null, holder = null, lease_lapses_at = null, reader = null
where message_id = :message_id and state in ('ready', 'leased')
returning mailbox_id

-- name: requeue
update delivery
set state = 'ready', failures = 0, lapses = 0, deadline_at = :deadline_at, ended_at = null
where message_id = :message_id and state in ('dead', 'expired')
returning mailbox_id

-- name: discard
update delivery set state = 'cancelled', ended_at = :now_at
where message_id = :message_id and state = 'dead'
returning mailbox_id

-- name: steer
select d.state, m.conversation from delivery d join message m on m.id = d.message_id where d.message_id = :message_id

-- name: question
select m.id, m.conversation, m.sender, m.kind, m.body, m.sent_at, m.trace, m.hops, m.in_reply_to, m.idempotency_key,
    m.deadline_at, m.answer, m.memories, m.metadata, m.erased_at, m.erased_seal, m.seal,
    b.conversation, b.name, d.position, d.state, d.deliveries, d.failures, d.lapses, d.ready_at, d.holder,
    d.lease_lapses_at, d.last_error, d.ended_at, d.deadline_at, d.handed_at, d.handed_to
from message m join delivery d on d.message_id = m.id join mailbox b on b.id = d.mailbox_id
where m.id = :id

-- name: sweep_expire
update delivery
set state = 'expired', ended_at = :now_at, ready_at = null, lease_id = null, holder = null, lease_lapses_at = null, reader = null
where timed_at <= :now_at and deadline_at <= :now_at
returning message_id, mailbox_id

-- name: sweep_bury
update delivery
set state = 'dead', lapses = lapses + 1, ended_at = :now_at, last_error = :error,
    lease_id = null, holder = null, lease_lapses_at = null, reader = null
where timed_at <= :until_at and lease_lapses_at <= :until_at and lapses >= :max_lapses
    and (reader is null or not :spared)
returning message_id, mailbox_id

-- name: sweep_lapse
update delivery
set state = 'ready', lapses = lapses + 1, lease_id = null, holder = null, lease_lapses_at = null, reader = null
where timed_at <= :until_at and lease_lapses_at <= :until_at and (reader is null or not :spared)
returning message_id, mailbox_id

-- name: sweep_make_due
update delivery set ready_at = null
where timed_at <= :now_at and ready_at <= :now_at
returning mailbox_id

-- name: sweep_next
select min(timed_at) from delivery where timed_at is not null

-- name: questions
select m.id, m.conversation, m.sender, m.kind, m.body, m.sent_at, m.trace, m.hops, m.in_reply_to, m.idempotency_key,
    m.deadline_at, m.answer, m.memories, m.metadata, m.erased_at, m.erased_seal, m.seal,
    b.conversation, b.name, d.position, d.state, d.deliveries, d.failures, d.lapses, d.ready_at, d.holder,
    d.lease_lapses_at, d.last_error, d.ended_at, d.deadline_at, d.handed_at, d.handed_to
from delivery d join message m on m.id = d.message_id join mailbox b on b.id = d.mailbox_id
where (:any_kind or m.kind = 'question') and d.message_id >= :since_id and m.sent_at >= :since_at
    and (:states is null or d.state in (select value from json_each(:states)))
    and (:mailbox_id is null or d.mailbox_id = :mailbox_id)
order by d.message_id desc, d.mailbox_id desc limit :limit

-- name: count
select count(*) from delivery d join message m on m.id = d.message_id
where (:any_kind or m.kind = 'question') and d.message_id >= :since_id and m.sent_at >= :since_at
    and (:states is null or d.state in (select value from json_each(:states)))
    and (:mailbox_id is null or d.mailbox_id = :mailbox_id)

-- name: tally
select state, count(*) from delivery group by state

-- name: count_broken
select count(*) from audit indexed by audit_broken where verb = 'seal_broken' and at >= :since_at

-- name: mailbox_number
select id from mailbox where conversation = :conversation and name = :name

-- name: escalate
update delivery
set mailbox_id = :to, position = :position, deadline_at = coalesce(:deadline_at, deadline_at),
    sent_to = coalesce(sent_to, mailbox_id), state = 'ready',
    lease_id = null, holder = null, lease_lapses_at = null, reader = null
where message_id = :message_id and mailbox_id = :mailbox_id

-- name: end_notice
select m.number, m.id, m.conversation, m.sender, m.kind, m.trace, m.hops, b.name, d.state, d.last_error
from message m join delivery d on d.message_id = m.id join mailbox b on b.id = d.mailbox_id
where m.id = :message_id and d.mailbox_id = :mailbox_id

-- name: trace_of
select trace, hops from message where id = :id

-- name: trace_held
select m.trace, m.hops, b.number, d.position
from delivery d indexed by delivery_read join message m on m.id = d.message_id join batch b on b.token = d.lease_id
where d.reader = :reader

-- name: trace_begun_by
select conversation, sender from message where id = :trace

-- name: rate
select minute_due_at, hour_due_at, day, day_used from rate where credential_id = :credential

-- name: rate_charge
insert into rate (credential_id, minute_due_at, hour_due_at, day, day_used)
values (:credential, :minute_due_at, :hour_due_at, :day, :day_used)
on conflict (credential_id) do update
set minute_due_at = :minute_due_at, hour_due_at = :hour_due_at, day = :day, day_used = :day_used

-- name: stop_again
update stop set refusals = refusals + 1, last_at = :now_at where kind = :kind and key = :key returning refusals

-- name: stop
insert into stop (kind, key, conversation, participant, first_at, last_at, refusals)
values (:kind, :key, :conversation, :participant, :now_at, :now_at, 1)

-- name: receive_again
select token from batch where reader = :reader and idempotency_key = :key

-- name: receive_forget
update batch set idempotency_key = null where reader = :reader and idempotency_key = :key

-- name: receive
insert into batch (token, mailbox_id, reader, message_ids, handed_at, idempotency_key)
values (:token, :mailbox_id, :reader, :message_ids, :now_at, :key)

-- name: take_back
update delivery
set state = 'ready', lease_id = null, holder = null, lease_lapses_at = null, reader = null
where message_id = :message_id and mailbox_id = :mailbox_id and lease_id = :lease_id

-- name: receive_repeated
update batch set repeats = repeats + 1 where token = :token

-- name: receive_undone
delete from batch where token = :token and repeats = 0 returning token

-- name: readers
select distinct reader from delivery indexed by delivery_read where reader is not null

-- name: batch
select b.mailbox_id, m.conversation, m.name, b.message_ids, b.settled_ids, b.unanswered_ids
from batch b join mailbox m on m.id = b.mailbox_id
where b.token = :token and b.reader = :reader

-- name: batch_held
select d.deliveries, d.holder, d.lease_lapses_at, d.failures, d.lapses
from delivery d
where d.message_id = :message_id and d.mailbox_id = :mailbox_id and d.state = 'leased' and d.lease_id = :token

-- name: batch_state
select state from delivery where message_id = :message_id and mailbox_id = :mailbox_id

-- name: batches_open
select b.number, b.token
from delivery d indexed by delivery_read join batch b on b.token = d.lease_id
where d.reader = :reader and b.acknowledged_at is null

-- name: acknowledge
update batch set acknowledged_at = :now_at, settled_ids = :settled_ids, unanswered_ids = :unanswered_ids
where token = :token

-- name: erase_cancel
update delivery
set state = 'cancelled', ended_at = :now_at, ready_at = null,
    lease_id = null, holder = null, lease_lapses_at = null, reader = null
where message_id = :message_id and state in ('ready', 'leased')
returning mailbox_id

-- name: erase
update message
set body = :body, metadata = :metadata, answer = :answer, erased_at = :erased_at, erased_seal = :erased_seal, seal = :seal
where id = :id


-- name: post_deliveries
select b.conversation, b.name, d.position, d.state, d.deliveries, d.failures, d.lapses, d.ready_at, d.holder,
    d.lease_lapses_at, d.last_error, d.ended_at, d.deadline_at, d.handed_at, d.handed_to
from delivery d join mailbox b on b.id = d.mailbox_id
where d.message_id = :id
