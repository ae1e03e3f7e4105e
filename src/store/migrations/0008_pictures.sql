-- Pictures of a text that stand on an issue: the next mail of the conversation brings the same signature again.

CREATE TABLE pictures (
    issue_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    attachment_id TEXT NOT NULL, -- Jira's; what is no longer on the issue counts no more
    PRIMARY KEY (issue_id, sha256)
);
ALTER TABLE steps ADD COLUMN picture TEXT NOT NULL DEFAULT ''; -- SHA-256 of a picture that the step attaches
