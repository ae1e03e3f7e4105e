-- Bytes that each mailbox was made to send in a day (days since 1970, UTC).

CREATE TABLE traffic (
    mailbox TEXT NOT NULL,
    day BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (mailbox, day)
);
