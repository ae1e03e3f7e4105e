-- Ids of issues that have refused a message because they take nothing any more, with spaces between them: they are not asked again.
ALTER TABLE messages ADD COLUMN shunned TEXT NOT NULL DEFAULT '';
