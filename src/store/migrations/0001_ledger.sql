-- The ledger. {id} and {bytes} stand for what each database calls a generated key and a byte string.
-- Times are milliseconds since 1970; 0 and '' stand for "none", so that every column is NOT NULL.

CREATE TABLE messages (
    id {id},
    mailbox TEXT NOT NULL,
    -- where it sits: folder, uid_validity and uid for IMAP, uidl for POP3
    folder TEXT NOT NULL,
    uid_validity BIGINT NOT NULL,
    uid BIGINT NOT NULL,
    uidl TEXT NOT NULL,
    -- what makes it the same message wherever it sits
    message_id TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    -- orders all work on one conversation and on one issue
    thread BIGINT NOT NULL,
    continues BIGINT NOT NULL, -- 1: it answers something, or was answered before it came
    envelope {bytes} NOT NULL, -- sealed JSON: subject and sender
    body TEXT NOT NULL,        -- names its chunks in bodies; '' once they are deleted
    size BIGINT NOT NULL,
    arrived_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    stage TEXT NOT NULL,       -- received, planned, sent, delivered, ignored, quarantined, discarded
    action TEXT NOT NULL,
    reason TEXT NOT NULL,      -- why it is where it is
    because TEXT NOT NULL,     -- why it was planned as it was
    duplicate_of BIGINT NOT NULL,
    released BIGINT NOT NULL,  -- 1: a person asked for it although it would be ignored
    left_out BIGINT NOT NULL,  -- 1: a part of it could not be brought into Jira
    issue_id TEXT NOT NULL,
    issue_key TEXT NOT NULL,
    comment_id TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    unknowns BIGINT NOT NULL,
    panics BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    lease_owner TEXT NOT NULL,
    lease_token BIGINT NOT NULL,
    lease_until BIGINT NOT NULL,
    settled_at BIGINT NOT NULL,
    acknowledgement TEXT NOT NULL -- none, owed, done
);
CREATE UNIQUE INDEX messages_place ON messages (mailbox, folder, uid_validity, uid, uidl);
CREATE INDEX messages_identity ON messages (mailbox, message_id, body_hash);
-- Claiming walks the open messages in their order and stops at its limit; what it asks of each stands in the index. An
-- index that begins with the stage would tempt SQLite into sorting the whole backlog for every claim.
CREATE INDEX messages_due ON messages (id, next_attempt_at, lease_until, thread) WHERE stage IN ('received', 'planned', 'sent');
CREATE INDEX messages_open ON messages (thread, id) WHERE stage IN ('received', 'planned', 'sent');
CREATE INDEX messages_thread ON messages (thread, id);
CREATE INDEX messages_owed ON messages (mailbox, id) WHERE acknowledgement = 'owed';
CREATE INDEX messages_kept ON messages (settled_at) WHERE body <> '';
CREATE INDEX messages_body ON messages (body) WHERE body <> '';

-- Every Message-ID that a message is or names, and every issue it is tied to, belongs to one thread.
CREATE TABLE thread_ids (
    name TEXT NOT NULL PRIMARY KEY,
    thread BIGINT NOT NULL,
    owned BIGINT NOT NULL -- 1: the message that it belongs to has come
);
CREATE INDEX thread_ids_thread ON thread_ids (thread);

CREATE TABLE bodies (
    body TEXT NOT NULL,
    position BIGINT NOT NULL,
    stored_at BIGINT NOT NULL,
    sealed {bytes} NOT NULL,
    PRIMARY KEY (body, position)
);
CREATE INDEX bodies_stored ON bodies (stored_at);

CREATE TABLE steps (
    message BIGINT NOT NULL,
    position BIGINT NOT NULL,
    marker TEXT NOT NULL,
    sealed {bytes} NOT NULL, -- the write, as JSON
    state TEXT NOT NULL,     -- planned, sent, done
    sent_at BIGINT NOT NULL,
    written TEXT NOT NULL,   -- what Jira said was written, as JSON
    PRIMARY KEY (message, position)
);

-- The story of a message: every decision and every answer, in order.
CREATE TABLE story (
    id {id},
    message BIGINT NOT NULL,
    at BIGINT NOT NULL,
    sealed {bytes} NOT NULL
);
CREATE INDEX story_message ON story (message, id);

CREATE TABLE cursors (
    mailbox TEXT NOT NULL,
    folder TEXT NOT NULL,
    cursor TEXT NOT NULL,
    PRIMARY KEY (mailbox, folder)
);

CREATE TABLE grants (
    subject TEXT NOT NULL PRIMARY KEY,
    sealed {bytes} NOT NULL,
    generation BIGINT NOT NULL,
    granted_at BIGINT NOT NULL,
    state TEXT NOT NULL, -- granted, needed
    reason TEXT NOT NULL,
    since BIGINT NOT NULL,
    lock_owner TEXT NOT NULL,
    lock_until BIGINT NOT NULL
);

CREATE TABLE mailboxes (
    name TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    since BIGINT NOT NULL,
    last_check BIGINT NOT NULL,
    last_message BIGINT NOT NULL,
    backlog BIGINT NOT NULL,
    error TEXT NOT NULL,
    lease_owner TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);

CREATE TABLE jira (
    name TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    deployment TEXT NOT NULL,
    error TEXT NOT NULL,
    retry_at BIGINT NOT NULL
);

CREATE TABLE nodes (
    name TEXT NOT NULL PRIMARY KEY,
    version TEXT NOT NULL,
    heartbeat_at BIGINT NOT NULL
);

-- A value sealed with the vault's key: opening it proves that the key at hand is the one in use here.
CREATE TABLE vault (
    name TEXT NOT NULL PRIMARY KEY,
    sealed {bytes} NOT NULL
);
