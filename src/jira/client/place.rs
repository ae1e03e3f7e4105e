//! Where a Jira is and what kind it is: asked once, without credentials where that will do, and kept. Writes nothing.
//!
//! The product is told by `serverInfo`, which every Jira answers to strangers. The address of the API is the site's own, but
//! for tokens of Atlassian's OAuth 2.0, and for scoped API tokens, which are taken only at the gateway,
//! `https://api.atlassian.com/ex/jira/{cloudId}`. The id of a site stands at its `/_edge/tenant_info`, for everybody to read.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::answer::{self, Lost};
use super::call::{Call, Operation};
use super::{Client, ServerInfo};
use crate::config::{Deployment, JiraAuth, JiraSettings};
use crate::failure::{Scope, Verdict};
use crate::http;
use crate::jira::auth::Outgoing;
use crate::jira::{Flavour, JiraError};

/// The gateway that takes Atlassian's OAuth 2.0 and scoped tokens.
const GATEWAY: &str = "https://api.atlassian.com";

/// More than this is none of the answers that are read here.
const ANSWER_LIMIT: usize = 256 << 10;

/// Names under which Atlassian serves Cloud sites, and nothing else.
const CLOUD_DOMAINS: [&str; 2] = [".atlassian.net", ".jira.com"];

/// What the configuration says of a site.
#[derive(Debug, Clone)]
pub(super) struct Site {
    url: Url,
    api_url: Option<Url>,
    deployment: Deployment,
    way: Way,
}

/// The ways in, as far as they differ in where they lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// An API token: the site, or for a scoped one the gateway.
    ApiToken,
    /// What only Data Center has.
    DataCenter,
    /// A service account's client credentials.
    ServiceAccount,
    /// A person's consent by OAuth 2.0.
    Consent,
}

/// What Jira it is, and where its API is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub flavour: Flavour,
    pub base: Url,
}

/// A site that a consent opens (`accessible-resources`).
#[derive(Debug, Deserialize)]
struct Resource {
    id: String,
    #[serde(default)]
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tenant {
    cloud_id: String,
}

impl Site {
    pub(super) fn of(settings: &JiraSettings) -> Self {
        let way = match &settings.auth {
            JiraAuth::ApiToken { .. } => Way::ApiToken,
            JiraAuth::ServiceAccount { .. } => Way::ServiceAccount,
            JiraAuth::OAuth2(_) => Way::Consent,
            JiraAuth::Pat { .. } | JiraAuth::OAuth1 { .. } | JiraAuth::Basic { .. } => Way::DataCenter,
        };
        let (url, api_url) = (settings.url.clone(), settings.api_url.clone());
        Self { url, api_url, deployment: settings.deployment, way }
    }

    /// The site as people open it.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    fn own(&self) -> &Url {
        self.api_url.as_ref().unwrap_or(&self.url)
    }

    /// What can be told without asking.
    fn told(&self) -> Option<Flavour> {
        let host = self.url.host_str().unwrap_or_default();
        match self.deployment {
            Deployment::Cloud => Some(Flavour::Cloud),
            Deployment::DataCenter => Some(Flavour::DataCenter),
            Deployment::Auto => CLOUD_DOMAINS.iter().any(|domain| host.ends_with(domain)).then_some(Flavour::Cloud),
        }
    }

    /// What the way in speaks for, where the server does not say.
    fn implied(&self) -> Option<Flavour> {
        match self.way {
            Way::ApiToken | Way::ServiceAccount => Some(Flavour::Cloud),
            Way::DataCenter => Some(Flavour::DataCenter),
            Way::Consent => None,
        }
    }
}

impl Client {
    /// Where to send requests. The first caller asks, the others wait for its answer.
    pub(super) async fn place(&self) -> Result<&Place, JiraError> {
        self.place.get_or_try_init(|| self.find_place()).await
    }

    async fn find_place(&self) -> Result<Place, JiraError> {
        let flavour = self.flavour_for_consent().await?;
        let base = match (flavour, self.site.way) {
            (Flavour::Cloud, Way::ServiceAccount | Way::Consent) => self.gateway_for_tokens(flavour).await?,
            (Flavour::Cloud, Way::ApiToken | Way::DataCenter) | (Flavour::DataCenter, _) => self.site.own().clone(),
        };
        tracing::debug!(deployment = flavour.as_str(), "found out what Jira this is");
        Ok(Place { flavour, base })
    }

    /// What kind of Jira it is, before anybody has let us in.
    pub async fn flavour_for_consent(&self) -> Result<Flavour, JiraError> {
        match self.site.told() {
            Some(flavour) => Ok(flavour),
            None => self.ask_flavour().await,
        }
    }

    /// Cloud answers below both versions, Data Center below 2.
    async fn ask_flavour(&self) -> Result<Flavour, JiraError> {
        for version in ["2", "3"] {
            let url = below(&self.site.url, &["rest", "api", version, "serverInfo"]);
            let info: Option<ServerInfo> = self.ask(url, None).await?;
            match info.map(|info| info.deployment_type).as_deref() {
                Some("Cloud") => return Ok(Flavour::Cloud),
                Some("Server" | "DataCenter" | "Data Center") => return Ok(Flavour::DataCenter),
                Some(_) | None => {}
            }
        }
        self.site.implied().ok_or_else(|| {
            stuck("it does not say whether it is Cloud or Data Center; write `deployment` under `[jira]`")
        })
    }

    async fn gateway_for_tokens(&self, flavour: Flavour) -> Result<Url, JiraError> {
        if self.names_a_gateway_site() {
            return Ok(self.site.own().clone());
        }
        let tenant = self.tenant().await?;
        let resources = match (self.site.way, &tenant) {
            (Way::Consent, _) | (_, None) => self.resources(flavour).await?,
            (Way::ApiToken | Way::DataCenter | Way::ServiceAccount, Some(_)) => None,
        };
        let id = match (tenant, resources) {
            (Some(id), None) => id,
            (tenant, Some(resources)) => self.among(tenant.as_deref(), &resources)?,
            // A gateway of somebody else's, which has none of Atlassian's customs.
            (None, None) if self.site.api_url.is_some() => return Ok(self.site.own().clone()),
            (None, None) => return Err(stuck("neither it nor Atlassian's gateway tells its cloudId")),
        };
        Ok(below(&self.gateway_root(), &["ex", "jira", &id]))
    }

    /// Whether `api_url` leads to a site behind the gateway already.
    fn names_a_gateway_site(&self) -> bool {
        self.site.own().path().contains("/ex/jira/")
    }

    fn gateway_root(&self) -> Url {
        let well_known = || Url::parse(GATEWAY).unwrap_or_else(|_| self.site.url.clone());
        self.site.api_url.clone().unwrap_or_else(well_known)
    }

    /// The site's id among those that the consent opens.
    fn among(&self, tenant: Option<&str>, resources: &[Resource]) -> Result<String, JiraError> {
        let is_ours = |resource: &&Resource| match tenant {
            Some(id) => resource.id == id,
            None => Url::parse(&resource.url).is_ok_and(|url| same_site(&url, &self.site.url)),
        };
        let found = resources.iter().find(is_ours).map(|resource| resource.id.clone());
        found.ok_or_else(|| {
            stuck("the consent is for other sites; run `mail2jira authorize jira` and choose the one in `[jira] url`")
        })
    }

    async fn tenant(&self) -> Result<Option<String>, JiraError> {
        let tenant: Option<Tenant> = self.ask(below(&self.site.url, &["_edge", "tenant_info"]), None).await?;
        Ok(tenant.map(|tenant| tenant.cloud_id).filter(|id| !id.is_empty()))
    }

    async fn resources(&self, flavour: Flavour) -> Result<Option<Vec<Resource>>, JiraError> {
        let url = below(&self.gateway_root(), &["oauth", "token", "accessible-resources"]);
        self.ask(url, Some(flavour)).await
    }

    /// Where Atlassian's gateway has the site. `None`: it has none, or that cannot be told now.
    pub(super) async fn gateway(&self) -> Option<Url> {
        if self.names_a_gateway_site() {
            return Some(self.site.own().clone());
        }
        let id = self.tenant().await.ok().flatten()?;
        Some(below(&self.gateway_root(), &["ex", "jira", &id]))
    }

    /// One question outside the API, with our credentials for this kind of Jira where it is to know us. `None`: there is no
    /// such thing there, or it is not for us.
    async fn ask<T: DeserializeOwned>(&self, url: Url, known: Option<Flavour>) -> Result<Option<T>, JiraError> {
        let call = Call::site(Operation::ServerInfo);
        let mut request = self.http.get(url.clone()).header(reqwest::header::ACCEPT, "application/json");
        if let Some(flavour) = known {
            let outgoing = Outgoing { method: &reqwest::Method::GET, url: &url };
            let shown = self.credentials.show(flavour, &outgoing).await.map_err(|error| error.for_call(&call))?;
            request = request.header(reqwest::header::AUTHORIZATION, shown.header());
        }
        let answered = request.timeout(self.timeouts.read).send().await.map_err(|error| lost(&call, &url, &error))?;
        let status = answered.status();
        if status.is_server_error() || status == reqwest::StatusCode::TOO_MANY_REQUESTS {
            return Err(later(&format!("{} answered {status}", host(&url))));
        }
        if !status.is_success() {
            return Ok(None);
        }
        let body = http::body(answered, ANSWER_LIMIT).await;
        let body = body.map_err(|error| later(&format!("the answer of {} cannot be read: {error}", host(&url))))?;
        Ok(serde_json::from_slice(&body).ok())
    }
}

/// An address with more segments in its path.
pub(super) fn below(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// Whether both have one host and port, whatever the case; sites have no paths.
fn same_site(one: &Url, other: &Url) -> bool {
    one.host() == other.host() && one.port_or_known_default() == other.port_or_known_default()
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

fn lost(call: &Call<'_>, url: &Url, error: &reqwest::Error) -> JiraError {
    answer::lost(call, Lost::BeforeSending, &format!("no answer from {}: {}", host(url), http::cause(error)))
}

fn later(why: &str) -> JiraError {
    failure(Verdict::Retry(None), why)
}

fn stuck(why: &str) -> JiraError {
    failure(Verdict::Halt(Scope::Everything), why)
}

fn failure(verdict: Verdict, why: &str) -> JiraError {
    let attempt = Call::site(Operation::ServerInfo).attempt();
    JiraError::new(verdict, None, format!("cannot {attempt}: {why}"))
}
