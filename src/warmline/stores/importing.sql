-- What an old bridge held is taken over; see importing.py.

-- name: take_conversation
insert into conversation (id, created_at) values (:id, :created_at) on conflict do nothing returning id

-- name: take_participant
insert into participant (conversation, name, created_at, is_person, status, status_at, seen_at, legacy_session)
values (:conversation, :name, :created_at, :is_person, :status, :status_at, :seen_at, :legacy_session)
on conflict do nothing

-- name: take_credential
insert into credential
    (id, token_hash, conversation, name, rights, mailboxes, reads, memories, is_person, per_minute, per_hour, per_day,
     created_at, expires_at, revoked_at)
values
    (:id, :token_hash, :conversation, :name, :rights, :mailboxes, :reads, :memories, :is_person, :per_minute, :per_hour,
     :per_day, :created_at, :expires_at, :revoked_at)
on conflict (id) do update set expires_at = excluded.expires_at where excluded.expires_at > expires_at
on conflict (token_hash) do nothing

-- name: take_once
insert into imported_message (conversation, number, message_id) values (:conversation, :number, :message_id)
on conflict do nothing returning number

-- name: take_delivery
insert into delivery (message_id, mailbox_id, position, state, deliveries, ended_at)
values (:message_id, :mailbox_id, :position, :state, :deliveries, :ended_at)

-- name: take_audit
insert into imported_audit (conversation, number, session, action, details, at)
values (:conversation, :number, :session, :action, :details, :at) on conflict do nothing returning number
