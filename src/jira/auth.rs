//! jira/auth
