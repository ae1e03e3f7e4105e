//! An OAuth provider over a real socket that checks what it is sent, rotates refresh tokens and fails on demand.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mail2jira::config::{ClientAuth, Endpoints, GrantType, ProviderKind, ProviderSettings, SecretRef};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::{Url, form_urlencoded};

/// The client's credentials hold what must be form-encoded in a Basic header.
pub const CLIENT_ID: &str = "mail2jira:ü";
pub const CLIENT_SECRET: &str = "client-secret: 100%+";

/// What the token endpoint does with the next request instead of its duty.
pub enum Fault {
    /// Answers with this, having done nothing.
    Answer(u16, Vec<(&'static str, &'static str)>, String),
    /// Does its duty, and the answer breaks off.
    LoseAnswer,
    /// Does its duty once this is told to go on.
    Hold(Arc<tokio::sync::Semaphore>),
}

/// How the provider behaves, and what it saw.
pub struct Behaviour {
    pub rotates: bool,
    /// A used refresh token stays good.
    pub grace: bool,
    pub issues_refresh_tokens: bool,
    pub scope: Option<&'static str>,
    pub id_token_claims: Option<Value>,
    pub userinfo: Option<Value>,
    pub issuer: Option<String>,
    pub discovery: &'static str,
    /// From where a redirect leads to the document.
    pub moved: Option<&'static str>,
    /// What stands in the document besides, or instead.
    pub more: Value,
    pub callback_issuer: Option<String>,
    pub denies: bool,
    pub auth_methods: Option<Vec<&'static str>>,
    pub takes: &'static str,
    pub client_secret: String,
    pub faults: VecDeque<Fault>,
    pub requests: Vec<HashMap<String, String>>,
    codes: HashMap<String, HashMap<String, String>>,
    live: HashSet<String>,
    count: u32,
}

type Shared = Arc<Mutex<Behaviour>>;

pub struct Stub {
    pub issuer: Url,
    pub secret_file: std::path::PathBuf,
    pub shared: Shared,
    _directory: TempDir,
    _server: JoinSet<()>,
}

impl Stub {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let shared: Shared = Arc::new(Mutex::new(Behaviour::new(&issuer)));
        let router = Router::new()
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .fallback(discovery)
            .with_state(shared.clone());
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        let directory = TempDir::new().unwrap();
        let secret_file = directory.path().join("client-secret");
        std::fs::write(&secret_file, CLIENT_SECRET).unwrap();
        Self { issuer, secret_file, shared, _directory: directory, _server: server }
    }

    pub fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.lock().unwrap());
    }

    pub fn fail(&self, fault: Fault) {
        self.set(|behaviour| behaviour.faults.push_back(fault));
    }

    pub fn answer(&self, status: u16, body: &str) {
        self.fail(Fault::Answer(status, Vec::new(), body.to_owned()));
    }

    pub fn requests(&self) -> usize {
        self.shared.lock().unwrap().requests.len()
    }

    pub fn last_request(&self) -> HashMap<String, String> {
        self.shared.lock().unwrap().requests.last().unwrap().clone()
    }

    /// A refresh token that is good, as from an earlier consent.
    pub fn issue(&self) -> String {
        self.shared.lock().unwrap().issue("rt")
    }

    pub fn revoke_all(&self) {
        self.set(|behaviour| behaviour.live.clear());
    }

    pub fn settings(&self) -> ProviderSettings {
        ProviderSettings {
            kind: ProviderKind::Custom,
            grant: GrantType::AuthorizationCode,
            endpoints: Endpoints::Discovery { issuer: self.issuer.clone() },
            device_url: None,
            revocation_url: None,
            client_certificate: None,
            secret_expires: None,
            authorization_extras: vec![("prompt".to_owned(), "consent".to_owned())],
            client_id: CLIENT_ID.to_owned(),
            client_secret: Some(SecretRef::File(self.secret_file.clone())),
            client_auth: ClientAuth::Auto,
            userinfo_url: None,
            scopes: vec!["openid".to_owned(), "mail".to_owned(), "offline_access".to_owned()],
            redirect_uri: Url::parse("http://127.0.0.1/oauth/callback").unwrap(),
            ca_file: None,
        }
    }
}

impl Behaviour {
    fn new(issuer: &Url) -> Self {
        let issuer = issuer.as_str().trim_end_matches('/').to_owned();
        Self {
            rotates: true,
            grace: false,
            issues_refresh_tokens: true,
            scope: None,
            id_token_claims: Some(json!({"sub": "1", "email": "Alice@Example.com"})),
            userinfo: None,
            issuer: Some(issuer.clone()),
            discovery: "/.well-known/openid-configuration",
            moved: None,
            more: json!({}),
            callback_issuer: Some(issuer),
            denies: false,
            auth_methods: None,
            takes: "basic",
            client_secret: CLIENT_SECRET.to_owned(),
            faults: VecDeque::new(),
            requests: Vec::new(),
            codes: HashMap::new(),
            live: HashSet::new(),
            count: 0,
        }
    }

    fn issue(&mut self, kind: &str) -> String {
        self.count += 1;
        let token = format!("{kind}-secret-{}", self.count);
        self.live.insert(token.clone());
        token
    }

    fn knows_client(&self, headers: &HeaderMap, form: &HashMap<String, String>) -> bool {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let basic = STANDARD.encode(format!("{}:{}", encode(CLIENT_ID), encode(&self.client_secret)));
        let sent = headers.get("authorization").map(|value| value.to_str().unwrap());
        let posted = (form.get("client_id").map(String::as_str), form.get("client_secret").map(String::as_str));
        match self.takes {
            "basic" => sent == Some(&format!("Basic {basic}")) && posted == (None, None),
            "post" => sent.is_none() && posted == (Some(CLIENT_ID), Some(&self.client_secret)),
            "none" => sent.is_none() && posted == (Some(CLIENT_ID), None),
            other => panic!("{other}"),
        }
    }

    fn redeem(&mut self, form: &HashMap<String, String>) -> Response {
        match form.get("grant_type").map(String::as_str) {
            Some("authorization_code") => match self.codes.remove(&form["code"]) {
                Some(asked) if answers(&asked, form) => self.grant(None),
                Some(_) | None => refusal("the code is not good"),
            },
            Some("refresh_token") => {
                let used = form["refresh_token"].clone();
                if !self.live.contains(&used) {
                    self.live.clear(); // RFC 9700, 4.14.2: reuse ends the grant
                    return refusal("Token has been expired or revoked.");
                }
                self.grant(Some(used))
            }
            _ => panic!("{form:?}"),
        }
    }

    fn grant(&mut self, used: Option<String>) -> Response {
        let mut body = json!({"access_token": self.issue("at"), "token_type": "Bearer", "expires_in": 3600});
        let first = used.is_none() && self.issues_refresh_tokens;
        if first || (used.is_some() && self.rotates) {
            body["refresh_token"] = self.issue("rt").into();
            if let Some(used) = used.filter(|_| !self.grace) {
                self.live.remove(&used);
            }
        }
        if let Some(claims) = &self.id_token_claims {
            body["id_token"] = format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims.to_string())).into();
        }
        if let Some(scope) = self.scope {
            body["scope"] = scope.into();
        }
        ([(header::CACHE_CONTROL, "no-store")], body.to_string()).into_response()
    }
}

/// RFC 7636, 4.6, and the same redirect address as before (RFC 6749, 4.1.3).
fn answers(asked: &HashMap<String, String>, form: &HashMap<String, String>) -> bool {
    let hash = digest::digest(&digest::SHA256, form["code_verifier"].as_bytes());
    asked["code_challenge"] == URL_SAFE_NO_PAD.encode(hash) && asked["redirect_uri"] == form["redirect_uri"]
}

fn refusal(description: &str) -> Response {
    let body = json!({"error": "invalid_grant", "error_description": description});
    (StatusCode::BAD_REQUEST, body.to_string()).into_response()
}

pub fn pairs(text: &str) -> HashMap<String, String> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// Plays the person, too: consents at once, or refuses.
async fn authorize(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let mut behaviour = shared.lock().unwrap();
    let asked = pairs(&query.unwrap());
    assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT_ID));
    assert_eq!(asked["code_challenge_method"], "S256");
    let mut back = Url::parse(&asked["redirect_uri"]).unwrap();
    back.query_pairs_mut().append_pair("state", &asked["state"]);
    if behaviour.denies {
        back.query_pairs_mut().append_pair("error", "access_denied");
        back.query_pairs_mut().append_pair("error_description", "<b>No</b> thanks");
    } else {
        let code = behaviour.issue("code");
        back.query_pairs_mut().append_pair("code", &code);
        behaviour.codes.insert(code, asked);
    }
    if let Some(issuer) = &behaviour.callback_issuer {
        back.query_pairs_mut().append_pair("iss", issuer);
    }
    (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response()
}

async fn token(State(shared): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let form = pairs(&body);
    let fault = {
        let mut behaviour = shared.lock().unwrap();
        behaviour.requests.push(form.clone());
        behaviour.faults.pop_front()
    };
    match fault {
        Some(Fault::Answer(status, headers, body)) => {
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            return response;
        }
        Some(Fault::Hold(gate)) => gate.acquire().await.unwrap().forget(),
        Some(Fault::LoseAnswer) => {
            let _lost = shared.lock().unwrap().redeem(&form);
            let broken = futures_util::stream::iter([Ok(Bytes::from_static(b"{\"acc")), Err("lost")]);
            return Body::from_stream(broken).into_response();
        }
        None => {}
    }
    let mut behaviour = shared.lock().unwrap();
    if !behaviour.knows_client(&headers, &form) {
        return (StatusCode::UNAUTHORIZED, json!({"error": "invalid_client"}).to_string()).into_response();
    }
    behaviour.redeem(&form)
}

async fn userinfo(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let behaviour = shared.lock().unwrap();
    let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    match behaviour.userinfo.as_ref().filter(|_| behaviour.live.contains(token)) {
        Some(claims) => claims.to_string().into_response(),
        None => StatusCode::FORBIDDEN.into_response(),
    }
}

async fn discovery(State(shared): State<Shared>, request: axum::extract::Request) -> Response {
    let behaviour = shared.lock().unwrap();
    if Some(request.uri().path()) == behaviour.moved {
        return (StatusCode::FOUND, [(header::LOCATION, behaviour.discovery)]).into_response();
    }
    if request.uri().path() != behaviour.discovery {
        return StatusCode::NOT_FOUND.into_response();
    }
    let host = request.headers()["host"].to_str().unwrap();
    let mut document = json!({
        "issuer": behaviour.issuer,
        "authorization_endpoint": format!("http://{host}/authorize"),
        "token_endpoint": format!("http://{host}/token"),
        "userinfo_endpoint": format!("http://{host}/userinfo"),
        "authorization_response_iss_parameter_supported": true,
    });
    if let Some(methods) = &behaviour.auth_methods {
        document["token_endpoint_auth_methods_supported"] = json!(methods);
    }
    for (name, value) in behaviour.more.as_object().unwrap() {
        document[name] = value.clone();
    }
    document.to_string().into_response()
}
