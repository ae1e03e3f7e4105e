-- What Gmail calls a message (X-GM-MSGID), in decimal: the same in each of its folders, and whatever UIDVALIDITY becomes.
ALTER TABLE messages ADD COLUMN gmail_id TEXT NOT NULL DEFAULT '';
CREATE INDEX messages_gmail ON messages (mailbox, gmail_id) WHERE gmail_id <> '';
