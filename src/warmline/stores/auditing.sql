-- What is read to verify and to show the audit; see auditing.py.

-- name: auditing_rows
select number, at, verb, actor, conversation, subject, refusal, detail, hash
from audit where number >= :first order by number

-- name: auditing_row
select number, at, verb, actor, conversation, subject, refusal, detail, hash from audit where number = :number

-- name: auditing_head
select number, at, verb, actor, conversation, subject, refusal, detail, hash from audit order by number desc limit 1

-- name: auditing_shown
select number, at, verb, actor, conversation, subject, refusal, detail, hash
from audit
where at >= :since_at and (:actor is null or actor = :actor) and (:verb is null or verb = :verb)
    and (:subject is null or subject = :subject)
order by number desc limit :limit

-- name: auditing_oldest
select at from audit order by number limit 1

-- name: auditing_imported
select number, at, action, coalesce(session, ''), conversation, details
from imported_audit
where coalesce(at, 0) >= :since_at and (:actor is null or session = :actor) and (:verb is null or action = :verb)
    and :subject is null
order by at desc, conversation, number desc limit :limit

-- name: auditing_ledgers
select id from ledger

-- name: auditing_files
select name, digest from archive_file order by first_number

-- name: auditing_files_of_rows
select name from archive_file where name like 'audit-%' order by first_number

-- name: auditing_tables
select name from sqlite_schema where type = 'table' and name not like 'sqlite@_%' escape '@' order by name

-- name: auditing_schema
select type, name, tbl_name, sql from sqlite_schema order by type, name

-- name: auditing_indexes
pragma integrity_check
