//! jira/document
