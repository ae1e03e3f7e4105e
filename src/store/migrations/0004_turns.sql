-- Claiming takes turns: this tells which mailboxes have open messages without walking over all of them, and gives each one's in
-- their order. What the index that it replaces told stands in it, too.
CREATE INDEX messages_turn ON messages (mailbox, id, next_attempt_at, lease_until, thread) WHERE stage IN ('received', 'planned', 'sent');
DROP INDEX messages_due;
