//! Ways in beside passwords and tokens: Atlassian's OAuth 2.0 with its gateway, Data Center's own OAuth 2.0 provider, and
//! application links (OAuth 1.0a). It gives tokens and knows them again; `Command`s make it refuse.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::answer::{jira, ok};
use super::shared::Shared;
use super::site::Product;

/// The page that asks the person.
const CONSENT: &str = include_str!("consent.html");

/// The site's id at Atlassian's gateway.
pub const CLOUD_ID: &str = "11111111-2222-3333-4444-555555555555";
/// The OAuth 2.0 client that is registered.
pub const CLIENT_ID: &str = "jira-client";
/// Its secret.
pub const CLIENT_SECRET: &str = "the-secret-of-the-jira-client";
/// The application link's consumer key.
pub const CONSUMER_KEY: &str = "jira-link";

/// Tokens, and what they came from.
pub(super) struct Ways {
    access: HashSet<String>,
    refresh: HashSet<String>,
    codes: HashMap<String, HashMap<String, String>>,
    link: KeyPair,
    link_tokens: HashMap<String, String>,
    count: u64,
}

impl std::fmt::Debug for Ways {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ways").field("count", &self.count).finish_non_exhaustive()
    }
}

/// What happens to tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Access tokens end before their time; they can be refreshed.
    ExpireAccessTokens,
    /// Everything that was given is worthless.
    RevokeAll,
}

impl Ways {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            access: HashSet::new(),
            refresh: HashSet::new(),
            codes: HashMap::new(),
            link: KeyPair::generate(KeySize::Rsa2048)?,
            link_tokens: HashMap::new(),
            count: 0,
        })
    }

    /// The link's private key as PEM.
    pub(super) fn link_key(&self) -> anyhow::Result<String> {
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&self.link)?;
        let text = BASE64_STANDARD.encode(der.as_ref());
        Ok(format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"))
    }

    pub(super) fn obey(&mut self, command: Command) {
        self.access.clear();
        if command == Command::RevokeAll {
            self.refresh.clear();
            self.link_tokens.clear();
        }
    }

    /// Whether an `Authorization` field holds a token that was given here.
    pub(super) fn knows(&self, authorization: &str, method: &str, url: &str) -> bool {
        match authorization.split_once(' ') {
            Some(("Bearer", token)) => self.access.contains(token),
            Some(("OAuth", _)) => self
                .verified(authorization, method, url)
                .is_some_and(|token| self.link_tokens.get(&token).is_some_and(|kind| kind == "access")),
            Some(_) | None => false,
        }
    }

    fn next(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("jira-{kind}-{}-{:016x}", self.count, fastrand::u64(..))
    }

    /// The token that a signature speaks for, empty for none; `None`: the signature is wrong (RFC 5849, 3.2).
    fn verified(&self, authorization: &str, method: &str, url: &str) -> Option<String> {
        let fields: Vec<(String, String)> = authorization
            .strip_prefix("OAuth ")?
            .split(',')
            .filter_map(|field| {
                let (name, value) = field.trim().split_once('=')?;
                Some((name.to_owned(), decoded(value.trim_matches('"'))))
            })
            .collect();
        let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        if field("oauth_consumer_key")? != CONSUMER_KEY || field("oauth_signature_method")? != "RSA-SHA1" {
            return None;
        }
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let own = fields.iter().filter(|(name, _)| name != "oauth_signature").cloned();
        let asked = form_urlencoded::parse(query.as_bytes()).into_owned();
        let mut pairs: Vec<_> = own.chain(asked).map(|(name, value)| (encoded(&name), encoded(&value))).collect();
        pairs.sort();
        let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        let base = format!("{method}&{}&{}", encoded(address), encoded(&pairs.join("&")));
        let signature = BASE64_STANDARD.decode(field("oauth_signature")?).ok()?;
        let key = self.link.public_key().as_ref();
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, key);
        key.verify(base.as_bytes(), &signature).ok()?;
        Some(field("oauth_token").unwrap_or_default())
    }
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn decoded(text: &str) -> String {
    form_urlencoded::parse(format!("x={}", text.replace('+', "%2B")).as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// The endpoints of the product.
pub(super) fn router(product: Product) -> Router<Arc<Shared>> {
    match product {
        Product::Cloud => Router::new()
            .route("/_edge/tenant_info", get(async || ok(&json!({"cloudId": CLOUD_ID}))))
            .route("/authorize", get(page).post(agree))
            .route("/oauth/token", post(token))
            .route("/oauth/token/accessible-resources", get(resources)),
        Product::DataCenter => Router::new()
            .route("/jira/rest/oauth2/latest/authorize", get(page).post(agree))
            .route("/jira/rest/oauth2/latest/token", post(token))
            .route("/jira/plugins/servlet/oauth/request-token", post(link_token))
            .route("/jira/plugins/servlet/oauth/authorize", get(page).post(agree))
            .route("/jira/plugins/servlet/oauth/access-token", post(link_token)),
    }
}

type Fields = HashMap<String, String>;

fn fields(text: &[u8]) -> Fields {
    match serde_json::from_slice::<HashMap<String, String>>(text) {
        Ok(fields) => fields,
        Err(_) => form_urlencoded::parse(text).into_owned().collect(),
    }
}

/// What a consent must ask for, and the page that asks the person.
async fn page(State(shared): State<Arc<Shared>>, uri: Uri, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let asked = fields(query.as_bytes());
    let has = |name: &str, value: &str| asked.get(name).is_some_and(|found| found == value);
    let product = shared.site().product;
    let right = match product {
        _ if asked.contains_key("oauth_token") => true,
        Product::Cloud => {
            let scope = asked.get("scope").cloned().unwrap_or_default();
            has("audience", "api.atlassian.com") && has("prompt", "consent") && scope.contains("offline_access")
        }
        Product::DataCenter => has("code_challenge_method", "S256") && has("scope", "WRITE"),
    };
    if !right || !(asked.contains_key("oauth_token") || has("client_id", CLIENT_ID)) {
        return (StatusCode::BAD_REQUEST, "this is not how consent is asked for").into_response();
    }
    let request = BASE64_URL_SAFE_NO_PAD.encode(query.replace('"', ""));
    let html = CONSENT.replace("[[action]]", uri.path()).replace("[[request]]", &request);
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}

async fn agree(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let form = fields(&body);
    let request = form.get("request").and_then(|request| BASE64_URL_SAFE_NO_PAD.decode(request).ok());
    let asked = fields(&request.unwrap_or_default());
    let allowed = form.get("decision").is_some_and(|decision| decision == "allow");
    let mut ways = shared.ways();
    let (to, answer) = match asked.get("oauth_token") {
        Some(token) => {
            let callback = ways.link_tokens.get(token).cloned().unwrap_or_default();
            let verifier = if allowed { ways.next("verifier") } else { "denied".to_owned() };
            ways.link_tokens.insert(verifier.clone(), token.clone());
            if callback == "oob" {
                return format!("Your verification code is {verifier}").into_response();
            }
            (callback, vec![("oauth_token", token.clone()), ("oauth_verifier", verifier)])
        }
        None => {
            let code = ways.next("code");
            let state = asked.get("state").cloned().unwrap_or_default();
            let to = asked.get("redirect_uri").cloned().unwrap_or_default();
            ways.codes.insert(code.clone(), asked);
            let outcome = if allowed { ("code", code) } else { ("error", "access_denied".to_owned()) };
            (to, vec![outcome, ("state", state)])
        }
    };
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(answer).finish();
    (StatusCode::FOUND, [(header::LOCATION, format!("{to}?{query}"))]).into_response()
}

/// Both products rotate; Data Center kills the old tokens at once, Atlassian answers 403 where others say 400.
async fn token(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let sent = fields(&body);
    let is = |name: &str, value: &str| sent.get(name).is_some_and(|found| found == value);
    let product = shared.site().product;
    let refuse = |error: &str| {
        let status = match product {
            Product::Cloud => StatusCode::FORBIDDEN,
            Product::DataCenter => StatusCode::BAD_REQUEST,
        };
        jira(status, &json!({"error": error, "error_description": "Unknown or invalid refresh token."}))
    };
    if !is("client_id", CLIENT_ID) || !is("client_secret", CLIENT_SECRET) {
        return jira(StatusCode::UNAUTHORIZED, &json!({"error": "invalid_client"}));
    }
    let mut ways = shared.ways();
    let refreshes = match sent.get("grant_type").map(String::as_str) {
        Some("client_credentials") => false,
        Some("authorization_code") => {
            let code = sent.get("code").and_then(|code| ways.codes.remove(code));
            if !code.is_some_and(|asked| is_proven(&asked, &sent)) {
                return refuse("invalid_grant");
            }
            true
        }
        Some("refresh_token") => {
            if !sent.get("refresh_token").is_some_and(|token| ways.refresh.remove(token)) {
                return refuse("invalid_grant");
            }
            if product == Product::DataCenter {
                ways.access.clear();
            }
            true
        }
        Some(_) | None => return jira(StatusCode::BAD_REQUEST, &json!({"error": "unsupported_grant_type"})),
    };
    let access = ways.next("access");
    ways.access.insert(access.clone());
    let mut answer = json!({"access_token": access, "token_type": "Bearer", "expires_in": 3600});
    if refreshes {
        let refresh = ways.next("refresh");
        ways.refresh.insert(refresh.clone());
        super::answer::put(&mut answer, "refresh_token", json!(refresh));
    }
    ok(&answer)
}

/// RFC 7636, 4.6, where a challenge was sent; and the same redirect address as before.
fn is_proven(asked: &Fields, sent: &Fields) -> bool {
    let hashed = |verifier: &String| BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let challenge = asked.get("code_challenge");
    challenge.is_none_or(|challenge| sent.get("code_verifier").map(hashed).as_ref() == Some(challenge))
        && asked.get("redirect_uri") == sent.get("redirect_uri")
}

async fn resources(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !shared.ways().knows(authorization, "GET", "") {
        return jira(StatusCode::UNAUTHORIZED, &json!({"code": 401, "message": "Unauthorized"}));
    }
    let url = shared.site().url.clone();
    ok(&Value::Array(vec![json!({"id": CLOUD_ID, "url": url, "name": "sandbox", "scopes": ["write:jira-work"]})]))
}

/// The first and the third step of an application link's consent.
async fn link_token(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap) -> Response {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let origin = shared.site().url.trim_end_matches("/jira").to_owned();
    let mut ways = shared.ways();
    let refused = (StatusCode::UNAUTHORIZED, "oauth_problem=signature_invalid");
    let Some(token) = ways.verified(authorization, "POST", &format!("{origin}{}", uri.path())) else {
        return refused.into_response();
    };
    let parameter = |name: &str| {
        let (_, rest) = authorization.split_once(&format!("{name}=\""))?;
        Some(decoded(rest.split('"').next()?))
    };
    let kept = match parameter("oauth_callback") {
        Some(callback) => callback,
        None => {
            let verifier = parameter("oauth_verifier").unwrap_or_default();
            if ways.link_tokens.remove(&verifier).as_ref() != Some(&token) {
                return (StatusCode::UNAUTHORIZED, "oauth_problem=verifier_invalid").into_response();
            }
            ways.link_tokens.remove(&token);
            "access".to_owned()
        }
    };
    let given = ways.next("link");
    ways.link_tokens.insert(given.clone(), kept);
    format!("oauth_token={given}&oauth_token_secret=s&oauth_callback_confirmed=true&oauth_expires_in=157680000")
        .into_response()
}
