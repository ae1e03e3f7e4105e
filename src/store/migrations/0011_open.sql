-- A message is open until something settles it. SQLite makes a table of a list of stages for each statement that touches an index
-- with such a condition, which cost as much as the statement itself.
DROP INDEX messages_open;
DROP INDEX messages_turn;
DROP INDEX messages_settled;
UPDATE messages SET settled_at = 0 WHERE settled_at <> 0 AND stage IN ('received', 'planned', 'sent');
UPDATE messages SET settled_at = received_at WHERE settled_at = 0 AND stage NOT IN ('received', 'planned', 'sent');
CREATE INDEX messages_open ON messages (thread, id) WHERE settled_at = 0;
CREATE INDEX messages_turn ON messages (mailbox, id, next_attempt_at, lease_until, thread) WHERE settled_at = 0;
CREATE INDEX messages_settled ON messages (stage) WHERE settled_at > 0;
