//! `[jira]`: the site and the way in.

use super::super::document::KeyPath;
use super::super::values;
use super::super::{ApiTokenTable, DeploymentName, JiraTable};
use super::Checker;
use crate::config::{JiraAuth, JiraSettings};

impl Checker<'_> {
    pub(super) fn jira(&mut self, path: &KeyPath, table: JiraTable) -> Option<JiraSettings> {
        match table.deployment.unwrap_or(DeploymentName::Auto) {
            DeploymentName::Auto | DeploymentName::Cloud => {} // Cloud is all there is to find
        }
        let url = self.required(
            &path.key("url"),
            table.url,
            values::base_url,
            "write url = \"https://example.atlassian.net\"",
        );
        let api_url = self.optional(&path.key("api_url"), table.api_url.as_deref(), values::base_url);
        let ca_file = self.ca_file(path, table.ca_file);
        let auth_path = path.key("auth");
        let auth = match table.auth.and_then(|auth| auth.api_token) {
            Some(api_token) => self.api_token(&auth_path.key("api_token"), api_token),
            None => self.missing(&auth_path, "write [jira.auth.api_token] with `email` and `token`"),
        };
        let token_expires = self.optional(&path.key("token_expires"), table.token_expires.as_ref(), values::date);
        Some(JiraSettings { url: url?, api_url: api_url?, ca_file, token_expires: token_expires?, auth: auth? })
    }

    fn api_token(&mut self, path: &KeyPath, table: ApiTokenTable) -> Option<JiraAuth> {
        let email = self.required(&path.key("email"), table.email, values::address, "write the account's mail address");
        let token_path = path.key("token");
        let token = match table.token {
            Some(token) => self.secret(&token_path, token),
            None => self.missing(&token_path, "write token = { credential = \"jira-token\" }"),
        };
        Some(JiraAuth::ApiToken { email: email?, token: token? })
    }
}
