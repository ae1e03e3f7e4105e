//! Plays the person in front of the browser: opens the consent page, answers it, follows the way back.
//! Understands the sandbox's own page and no other.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::header::LOCATION;
use serde::{Deserialize, Serialize};
use url::Url;

/// Whoever waits on the loopback address exchanges the code before it answers.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Which button is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// "Allow".
    Allow,
    /// "Deny".
    Deny,
}

/// What the person does.
#[derive(Debug, Clone)]
pub struct Person {
    /// What is typed as the account; `None` leaves what the page suggests.
    pub account: Option<String>,
    /// Which button is pressed.
    pub decision: Decision,
}

/// What the person sees at the end: the answer of whoever asked for consent.
#[derive(Debug, Clone)]
pub struct Callback {
    /// Where the provider sent the browser.
    pub url: Url,
    /// The HTTP status found there.
    pub status: u16,
    /// The page found there.
    pub body: String,
}

/// Says yes as the suggested account, and goes all the way back.
pub async fn auto_consent(authorization_url: &str) -> anyhow::Result<Callback> {
    consent(authorization_url, &Person { account: None, decision: Decision::Allow }).await
}

/// Answers the page, and goes all the way back.
pub async fn consent(authorization_url: &str, person: &Person) -> anyhow::Result<Callback> {
    let url = answer_consent(authorization_url, person).await?;
    let visit = browser()?.get(url.clone()).send().await;
    // Not the whole address: the code in it is a secret.
    let response =
        visit.map_err(reqwest::Error::without_url).with_context(|| format!("nobody waits at {}", origin(&url)))?;
    let status = response.status().as_u16();
    Ok(Callback { url, status, body: response.text().await? })
}

/// Answers the page and returns where it sends the browser, without going there.
pub async fn answer_consent(authorization_url: &str, person: &Person) -> anyhow::Result<Url> {
    where_to(&Url::parse(authorization_url)?, &answered(authorization_url, person).await?)
}

/// Answers the page and returns what it says then, where the browser is sent nowhere (`oob`).
pub async fn answer_in_words(authorization_url: &str, person: &Person) -> anyhow::Result<String> {
    let answer = answered(authorization_url, person).await?;
    anyhow::ensure!(answer.status().is_success(), "no words but {} came", answer.status());
    Ok(answer.text().await?)
}

async fn answered(authorization_url: &str, person: &Person) -> anyhow::Result<reqwest::Response> {
    let url = Url::parse(authorization_url).context("the authorization address cannot be read")?;
    let browser = browser()?;
    let response = browser.get(url.clone()).send().await.context("the consent page cannot be opened")?;
    if response.status().is_redirection() {
        return Ok(response); // refused without asking
    }
    let status = response.status();
    let page = response.text().await?;
    if !status.is_success() {
        bail!("the consent page answers {status}: {page}");
    }
    Ok(browser.post(url.join(&value(&page, "action=\"")?)?).form(&form(&page, person)?).send().await?)
}

fn form(page: &str, person: &Person) -> anyhow::Result<[(&'static str, String); 3]> {
    let request = value(page, "name=\"request\" value=\"")?;
    let account = match &person.account {
        Some(account) => account.clone(),
        None => value(page, "required value=\"")?,
    };
    let decision = match person.decision {
        Decision::Allow => "allow",
        Decision::Deny => "deny",
    };
    Ok([("request", request), ("account", account), ("decision", decision.to_owned())])
}

fn value(page: &str, before: &str) -> anyhow::Result<String> {
    let found = page.split_once(before).and_then(|(_, rest)| rest.split_once('"'));
    found.map(|(value, _)| value.to_owned()).with_context(|| format!("the consent page lacks {before}…"))
}

fn where_to(base: &Url, response: &reqwest::Response) -> anyhow::Result<Url> {
    let location = response.headers().get(LOCATION);
    let location = location.with_context(|| format!("no redirection but {} came", response.status()))?;
    Ok(base.join(location.to_str()?)?)
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[expect(clippy::disallowed_methods, reason = "the ban is the program's; this is a browser's stand-in on loopback")]
fn browser() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().timeout(TIMEOUT).build()
}
