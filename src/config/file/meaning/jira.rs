//! `[jira]`: the site and the way in.

use super::super::document::KeyPath;
use super::super::values;
use super::super::{JiraAuthTable, JiraTable, OAuth2Table, SecretTable};
use super::Checker;
use crate::config::{JiraAuth, JiraOAuth2, JiraSettings, SecretRef, Writing, loopback_redirect};

const WAYS: [&str; 6] = ["api_token", "service_account", "pat", "oauth2", "oauth1", "basic"];

impl Checker<'_> {
    pub(super) fn jira(&mut self, path: &KeyPath, mut table: JiraTable) -> Option<JiraSettings> {
        let url = self.required(
            &path.key("url"),
            table.url,
            values::base_url,
            "write url = \"https://example.atlassian.net\"",
        );
        let auth_path = path.key("auth");
        let mut auth = table.auth.unwrap_or_default();
        // The addresses may stand beside the way in as well: it is what they belong to.
        let mut address = |key: &str, own: Option<String>, beside: Option<String>| {
            let (path, text) = if beside.is_some() { (auth_path.key(key), beside) } else { (path.key(key), own) };
            self.optional(&path, text.as_deref(), values::base_url)
        };
        let authorization_url =
            address("authorization_url", table.authorization_url.take(), auth.authorization_url.take());
        let token_url = address("token_url", table.token_url.take(), auth.token_url.take());
        let api_url = address("api_url", table.api_url.take(), auth.api_url.take());
        let ca_file = self.ca_file(path, table.ca_file);
        let auth = self.way_in(&auth_path, auth);
        let token_expires = self.optional(&path.key("token_expires"), table.token_expires.as_ref(), values::date);
        let writing = if table.shadow == Some(true) { Writing::Shadow } else { Writing::Real };
        Some(JiraSettings {
            url: url?,
            deployment: table.deployment.unwrap_or_default(),
            authorization_url: authorization_url?,
            token_url: token_url?,
            api_url: api_url?,
            ca_file,
            token_expires: token_expires?,
            writing,
            auth: auth?,
        })
    }

    fn way_in(&mut self, path: &KeyPath, table: JiraAuthTable) -> Option<JiraAuth> {
        let JiraAuthTable { api_token, service_account, pat, oauth2, oauth1, basic, .. } = table;
        match (api_token, service_account, pat, oauth2, oauth1, basic) {
            (Some(way), None, None, None, None, None) => {
                let path = path.key(WAYS[0]);
                let email =
                    self.required(&path.key("email"), way.email, values::address, "write the account's mail address");
                let token = self.way_secret(&path, "token", way.token);
                Some(JiraAuth::ApiToken { email: email?, token: token? })
            }
            (None, Some(way), None, None, None, None) => {
                let path = path.key(WAYS[1]);
                let client_id = self.way_name(&path, "client_id", way.client_id);
                let client_secret = self.way_secret(&path, "client_secret", way.client_secret);
                Some(JiraAuth::ServiceAccount { client_id: client_id?, client_secret: client_secret? })
            }
            (None, None, Some(way), None, None, None) => {
                Some(JiraAuth::Pat { token: self.way_secret(&path.key(WAYS[2]), "token", way.token)? })
            }
            (None, None, None, Some(way), None, None) => self.oauth2(&path.key(WAYS[3]), way),
            (None, None, None, None, Some(way), None) => {
                let path = path.key(WAYS[4]);
                let consumer_key = self.way_name(&path, "consumer_key", way.consumer_key);
                let private_key = self.way_secret(&path, "private_key", way.private_key);
                Some(JiraAuth::OAuth1 { consumer_key: consumer_key?, private_key: private_key? })
            }
            (None, None, None, None, None, Some(way)) => {
                let path = path.key(WAYS[5]);
                let username = self.way_name(&path, "username", way.username);
                let password = self.way_secret(&path, "password", way.password);
                Some(JiraAuth::Basic { username: username?, password: password? })
            }
            (None, None, None, None, None, None) => {
                self.missing(path, "write [jira.auth.api_token] with `email` and `token`, or another way in")
            }
            _ => {
                let message = format!("there are several ways in: exactly one of {} may stand here", WAYS.join(", "));
                self.findings.error(path, message, "keep one of the tables under [jira.auth]");
                None
            }
        }
    }

    fn oauth2(&mut self, path: &KeyPath, table: OAuth2Table) -> Option<JiraAuth> {
        let client_id = self.way_name(path, "client_id", table.client_id);
        let client_secret = self.way_secret(path, "client_secret", table.client_secret);
        let scopes = match table.scopes {
            Some(scopes) => self.each(&path.key("scopes"), &scopes, values::plain).map(Some),
            None => Some(None),
        };
        let redirect = self.optional(&path.key("redirect_uri"), table.redirect_uri.as_deref(), values::redirect_uri);
        Some(JiraAuth::OAuth2(JiraOAuth2 {
            client_id: client_id?,
            client_secret: client_secret?,
            scopes: scopes?,
            redirect_uri: redirect?.or_else(loopback_redirect)?,
        }))
    }

    fn way_name(&mut self, path: &KeyPath, key: &str, value: Option<String>) -> Option<String> {
        self.required(&path.key(key), value, values::plain, &format!("write `{key}`"))
    }

    fn way_secret(&mut self, path: &KeyPath, key: &str, table: Option<SecretTable>) -> Option<SecretRef> {
        let path = path.key(key);
        match table {
            Some(secret) => self.secret(&path, secret),
            None => self.missing(&path, &format!("write {key} = {{ credential = \"NAME\" }}")),
        }
    }
}
