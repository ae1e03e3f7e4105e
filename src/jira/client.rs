//! jira/client
