-- When people consented, which the daemon reads every second, without reading the sealed tokens beside it.
CREATE INDEX grants_granted_at ON grants (subject, granted_at);
-- Since when passes (`run --once`) have not reached a mailbox, or Jira.
CREATE TABLE unreached (
    subject TEXT NOT NULL PRIMARY KEY,
    since BIGINT NOT NULL
);
