-- Settled messages leave for the archive; see archive.py.

-- name: archive_units
select m.id, max(d.answer_id)
from message m join delivery d on d.message_id = m.id
where m.number > :after and m.sent_at < :before_at and m.kind <> 'answer'
    and m.number < (select max(number) from message)
    and not exists (
        select 1 from message a
        where a.id = d.answer_id and a.number = (select max(number) from message)
    )
    and not exists (
        select 1 from delivery other
        where other.message_id = m.id
            and (other.state not in ('settled', 'cancelled') or other.ended_at >= :before_at)
    )
group by m.number order by m.number limit :limit

-- name: archive_file
insert into archive_file (name, first_number, last_number, first_id, last_id, posts, digest)
values (:name, :first_number, :last_number, :first_id, :last_id, :posts, :digest)

-- name: archive_part
insert into archive_part (conversation, last_number, file) values (:conversation, :last_number, :file)

-- name: archive_erased
select count(erased_at) from message where id in (select value from json_each(:ids))

-- name: archive_deliveries
delete from delivery where message_id in (select value from json_each(:ids))

-- name: archive_messages
delete from message where id in (select value from json_each(:ids))

-- name: archive_batches
delete from batch
where handed_at < :before_at
    and not exists (select 1 from delivery d where d.reader = batch.reader and d.lease_id = batch.token)

-- name: archive_stops
delete from stop where last_at < :before_at

-- name: archive_replacing
insert into archive_file (name, first_number, last_number, first_id, last_id, posts, digest)
select :name, first_number, last_number, first_id, last_id, posts, :digest from archive_file where name = :replaced

-- name: archive_replacing_parts
update archive_part set file = :name where file = :replaced

-- name: archive_replaced
delete from archive_file where name = :replaced

-- name: archive_audit
select number, at, verb, actor, conversation, subject, refusal, detail, hash
from audit
where number < coalesce((select min(number) from audit where at >= :before_at), (select max(number) from audit))
order by number limit :limit

-- name: archive_audit_leave
delete from audit where number between :first_number and :last_number

-- name: archive_files
select name from archive_file

-- name: archive_files_of_id
select name from archive_file where first_id <= :id and last_id >= :id

-- name: archive_files_of_conversation
select file from archive_part where conversation = :conversation and last_number > :after order by last_number
