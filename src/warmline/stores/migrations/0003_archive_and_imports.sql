-- Which archive file holds what. A file that is not listed here was never taken into use.
create table archive_file (
    name text primary key,
    first_number integer not null,
    last_number integer not null,
    first_id text not null,
    last_id text not null,
    posts integer not null check (posts > 0)
) strict, without rowid;
create table archive_part (
    conversation text not null,
    last_number integer not null,
    file text not null references archive_file (name),
    primary key (conversation, last_number, file)
) strict, without rowid;

-- Which messages of an old bridge came along, erased and archived ones too.
create table imported_message (
    conversation text not null,
    number integer not null,
    message_id text not null,
    primary key (conversation, number)
) strict, without rowid;
