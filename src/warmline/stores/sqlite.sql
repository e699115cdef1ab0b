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
insert into mailbox (conversation, name) values (:conversation, :name) on conflict do nothing

-- name: add_same_key
select m.id, m.kind, m.body, d.mailbox_id from message m join delivery d on d.message_id = m.id
where m.conversation = :conversation and m.sender = :sender and m.idempotency_key = :idempotency_key

-- name: add_position
update mailbox set last_position = last_position + 1 where id = :mailbox_id

-- name: add_position_now
select last_position from mailbox where id = :mailbox_id

-- name: add_message
insert into message
    (id, conversation, sender, kind, body, sent_at, trace, hops, in_reply_to, idempotency_key, deadline_at, answer)
values
    (:id, :conversation, :sender, :kind, :body, :sent_at, :trace, :hops, :in_reply_to, :idempotency_key,
     :deadline_at, :answer)

-- name: add_delivery
insert into delivery (message_id, mailbox_id, position, state, deadline_at)
values (:message_id, :mailbox_id, :position, 'ready', :deadline_at)

-- name: lease_first
select message_id, deliveries, failures, lapses
from delivery indexed by delivery_due
where mailbox_id = :mailbox_id and state = 'ready' and ready_at is null
order by position limit 1

-- name: lease_message
select id, conversation, sender, kind, body, sent_at, trace, hops, in_reply_to, idempotency_key, deadline_at, answer
from message where id = :message_id

-- name: lease
update delivery
set state = 'leased', deliveries = :deliveries, lease_id = :lease_id, holder = :holder, lease_lapses_at = :lapses_at
where message_id = :message_id and mailbox_id = :mailbox_id

-- name: held
select position, failures, lapses, lease_lapses_at, last_error, deadline_at from delivery
where message_id = :message_id and mailbox_id = :mailbox_id
    and deliveries = :deliveries and lease_id = :lease_id and state = 'leased'

-- name: answer
select id, conversation, sender, kind, body, sent_at, trace, hops, in_reply_to, idempotency_key, deadline_at, answer
from message where id = (select answer_id from delivery where message_id = :id and answer_id is not null)

-- name: extend
update delivery set lease_lapses_at = :lapses_at
where message_id = :message_id and mailbox_id = :mailbox_id

-- name: settle
update delivery
set state = 'settled', lease_id = null, holder = null, lease_lapses_at = null, ended_at = :now_at,
    answer_id = :answer_id
where message_id = :message_id and mailbox_id = :mailbox_id

-- name: nack
update delivery
set state = 'ready', failures = failures + 1, last_error = :error, ready_at = :ready_at,
    lease_id = null, holder = null, lease_lapses_at = null
where message_id = :message_id and mailbox_id = :mailbox_id

-- name: release
update delivery
set state = 'ready', lease_id = null, holder = null, lease_lapses_at = null
where message_id = :message_id and mailbox_id = :mailbox_id

-- name: bury
update delivery
set state = 'dead', failures = failures + 1, last_error = :error, ended_at = :now_at,
    lease_id = null, holder = null, lease_lapses_at = null
where message_id = :message_id and mailbox_id = :mailbox_id

-- name: cancel
update delivery
set state = 'cancelled', ended_at = :now_at, ready_at = null, lease_id = null, holder = null, lease_lapses_at = null
where message_id = :message_id and state in ('ready', 'leased')
returning message_id

-- name: requeue
update delivery
set state = 'ready', failures = 0, lapses = 0, deadline_at = :deadline_at, ended_at = null
where message_id = :message_id and state in ('dead', 'expired')
returning mailbox_id

-- name: discard
update delivery set state = 'cancelled', ended_at = :now_at
where message_id = :message_id and state = 'dead'
returning message_id

-- name: state
select state from delivery where message_id = :message_id

-- name: question
select m.id, m.conversation, m.sender, m.kind, m.body, m.sent_at, m.trace, m.hops, m.in_reply_to, m.idempotency_key,
    m.deadline_at, m.answer,
    b.conversation, b.name, d.position, d.state, d.deliveries, d.failures, d.lapses, d.ready_at, d.holder,
    d.lease_lapses_at, d.last_error, d.ended_at, d.deadline_at
from message m join delivery d on d.message_id = m.id join mailbox b on b.id = d.mailbox_id
where m.id = :id

-- name: sweep_expire
update delivery
set state = 'expired', ended_at = :now_at, ready_at = null, lease_id = null, holder = null, lease_lapses_at = null
where timed_at <= :now_at and deadline_at <= :now_at
returning message_id

-- name: sweep_bury
update delivery
set state = 'dead', lapses = lapses + 1, ended_at = :now_at, last_error = :error,
    lease_id = null, holder = null, lease_lapses_at = null
where timed_at <= :until_at and lease_lapses_at <= :until_at and lapses >= :max_lapses
returning message_id

-- name: sweep_lapse
update delivery
set state = 'ready', lapses = lapses + 1, lease_id = null, holder = null, lease_lapses_at = null
where timed_at <= :until_at and lease_lapses_at <= :until_at
returning mailbox_id

-- name: sweep_make_due
update delivery set ready_at = null
where timed_at <= :now_at and ready_at <= :now_at
returning mailbox_id

-- name: sweep_next
select min(timed_at) from delivery where timed_at is not null

-- name: questions
select m.id, m.conversation, m.sender, m.kind, m.body, m.sent_at, m.trace, m.hops, m.in_reply_to, m.idempotency_key,
    m.deadline_at, m.answer,
    b.conversation, b.name, d.position, d.state, d.deliveries, d.failures, d.lapses, d.ready_at, d.holder,
    d.lease_lapses_at, d.last_error, d.ended_at, d.deadline_at
from delivery d join message m on m.id = d.message_id join mailbox b on b.id = d.mailbox_id
where m.kind = 'question' and d.message_id >= :since_id and m.sent_at >= :since_at
    and (:states is null or d.state in (select value from json_each(:states)))
    and (:mailbox_id is null or d.mailbox_id = :mailbox_id)
order by d.message_id desc limit :limit

-- name: count
select count(*) from delivery d join message m on m.id = d.message_id
where m.kind = 'question' and d.message_id >= :since_id and m.sent_at >= :since_at
    and (:states is null or d.state in (select value from json_each(:states)))
    and (:mailbox_id is null or d.mailbox_id = :mailbox_id)

-- name: tally
select state, count(*) from delivery group by state
