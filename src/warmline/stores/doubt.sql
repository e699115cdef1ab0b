-- What is looked at before a store is trusted; see doubt.py.

-- name: doubt_audit_last
select number, at, verb, actor, conversation, subject, refusal, detail, hash from audit order by number desc limit 2

-- name: doubt_revoke
update credential set revoked_at = coalesce(revoked_at, :now_at)

-- name: doubt_in_force
select 1 from credential where revoked_at is null limit 1
