-- What a person has to hear of, and who has not heard of it yet.

CREATE TABLE incidents (
    id TEXT NOT NULL PRIMARY KEY, -- random; also the marker of its issue in Jira
    subject TEXT NOT NULL,        -- a mailbox, or jira
    slot TEXT NOT NULL,           -- works, expires, quarantine: one open incident of each per subject
    kind TEXT NOT NULL,           -- the event's word
    reason TEXT NOT NULL,
    since BIGINT NOT NULL,
    told_at BIGINT NOT NULL,      -- when notices were last written for it
    days BIGINT NOT NULL,         -- the warning step of what expires; else 0
    over_at BIGINT NOT NULL,      -- 0: open
    issue_id TEXT NOT NULL,
    issue_key TEXT NOT NULL,
    issue_sent_at BIGINT NOT NULL -- when Jira was asked to open the issue; 0: not yet, or known not to be open
);
CREATE UNIQUE INDEX incidents_open ON incidents (subject, slot) WHERE over_at = 0;

-- One event on its way through one channel.
CREATE TABLE notices (
    id {id},
    incident TEXT NOT NULL,
    channel TEXT NOT NULL, -- command, webhook, jira
    event TEXT NOT NULL,   -- JSON, as it is sent
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    lease_owner TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);
CREATE INDEX notices_incident ON notices (incident, channel, id);

-- Consents that were begun on the pages. In the ledger, so that a restart, or another node, can go on with them.
CREATE TABLE consents (
    state TEXT NOT NULL PRIMARY KEY, -- a digest of it: whoever reads the database cannot answer for the provider
    subject TEXT NOT NULL,
    sealed {bytes} NOT NULL,         -- the verifier and the rest, as JSON
    expires_at BIGINT NOT NULL
);

-- What tells when a consent will die by itself.
ALTER TABLE grants ADD COLUMN refreshed_at BIGINT NOT NULL DEFAULT 0; -- when the provider last gave a token for it
ALTER TABLE grants ADD COLUMN dies_at BIGINT NOT NULL DEFAULT 0;      -- the provider's own word; 0: none
ALTER TABLE grants ADD COLUMN lived_ms BIGINT NOT NULL DEFAULT 0;     -- how long an earlier one lived until a policy ended it

CREATE INDEX messages_quarantined ON messages (mailbox) WHERE stage = 'quarantined';
