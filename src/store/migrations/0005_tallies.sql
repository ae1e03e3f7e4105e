-- Counting messages by stage, which the daemon does every few seconds, without reading each message there ever was: those that are
-- settled are counted in this index, all others in the partial ones.
CREATE INDEX messages_settled ON messages (stage) WHERE stage IN ('delivered', 'ignored', 'discarded');
