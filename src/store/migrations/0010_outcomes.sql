-- What Jira said was written, in rows of their own: a step's row holds its sealed text, and is not written anew for its outcome.

CREATE TABLE outcomes (
    message BIGINT NOT NULL,
    position BIGINT NOT NULL,
    written TEXT NOT NULL, -- as JSON
    PRIMARY KEY (message, position)
);
INSERT INTO outcomes (message, position, written) SELECT message, position, written FROM steps WHERE state = 'done';
UPDATE steps SET state = 'sent' WHERE state = 'done';
ALTER TABLE steps DROP COLUMN written;
