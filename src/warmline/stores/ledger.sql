-- What the ledger reads and writes, outside of the verbs; see ledger.py.

-- name: ledger
select audit_number, audit_hash, sums, seal from ledger where id = 1

-- name: ledger_write
insert into ledger (id, audit_number, audit_hash, sums, seal)
values (1, :number, :hash, :sums, :seal)
on conflict (id) do update
set audit_number = :number, audit_hash = :hash, sums = :sums, seal = :seal

-- name: ledger_audit
insert into audit (number, at, verb, actor, conversation, subject, refusal, detail, hash)
values (:number, :at, :verb, :actor, :conversation, :subject, :refusal, :detail, :hash)

-- name: ledger_audit_last
select number from audit order by number desc limit 1

-- name: ledger_tables
select name from sqlite_schema where type = 'table' and name not like 'sqlite@_%' escape '@' order by name

-- name: ledger_unsealed
select number, id, conversation, sender, kind, body, sent_at, trace, hops, in_reply_to, idempotency_key, deadline_at,
    answer, memories, metadata, erased_at, erased_seal
from message where number > :after and seal is null order by number limit :limit

-- name: ledger_seal
update message set seal = :seal where number = :number
