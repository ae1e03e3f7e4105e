//! A headless Chromium, used as a person uses one: by the words on the page. Knows none of the pages.
//!
//! Speaks W3C WebDriver to Debian's chromedriver: a dozen requests in JSON, for which a client crate would bring an HTTP stack
//! of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::group::Group;

/// Chromium's own connections to its maker hang for minutes where there is no network, and its sandbox refuses root.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1000,800",
];

/// How long a page may take, with whatever the servers behind it check meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a page is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// The name by which WebDriver hands out elements (W3C WebDriver, 11).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with an empty profile. Dropping it ends it.
#[derive(Debug)]
pub struct Browser {
    client: reqwest::Client,
    session: String,
    _driver: Driver,
    _profile: TempDir,
}

impl Browser {
    /// Starts it.
    #[expect(clippy::disallowed_methods, reason = "the ban is the program's; this talks to a driver on loopback")]
    pub async fn start() -> anyhow::Result<Self> {
        let profile = tempfile::Builder::new().prefix("m2j-browser-").tempdir()?;
        let driver = Driver::start()?;
        let client = reqwest::Client::builder().no_proxy().timeout(2 * PATIENCE).build()?;
        let of_profile = format!("--user-data-dir={}", profile.path().display());
        let flags: Vec<&str> = FLAGS.into_iter().chain([of_profile.as_str()]).collect();
        let wanted =
            json!({ "goog:chromeOptions": { "args": flags }, "timeouts": { "pageLoad": PATIENCE.as_millis() as u64 } });
        let sessions = format!("http://127.0.0.1:{}/session", driver.port);
        let begun = ask(client.post(&sessions), &json!({ "capabilities": { "alwaysMatch": wanted } })).await?;
        let id = begun.get("sessionId").and_then(Value::as_str).context("the driver names no session")?;
        Ok(Self { session: format!("{sessions}/{id}"), client, _driver: driver, _profile: profile })
    }

    /// Goes to an address.
    pub async fn visit(&self, address: &str) -> anyhow::Result<()> {
        self.post("url", json!({ "url": address })).await?;
        Ok(())
    }

    /// Where it is.
    pub async fn address(&self) -> anyhow::Result<String> {
        let address = self.get("url").await?;
        Ok(address.as_str().context("the driver names no address")?.to_owned())
    }

    /// What is to be read on the page.
    pub async fn words(&self) -> anyhow::Result<String> {
        let body = self.find("//body").await?;
        let words = self.get(&format!("element/{body}/text")).await?;
        Ok(words.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until these words are on the page.
    pub async fn sees(&self, wanted: &str) -> anyhow::Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let words = self.words().await.unwrap_or_default(); // a page that is just changing has none
            if words.contains(wanted) {
                return Ok(());
            }
            ensure!(Instant::now() < end, "not on the page: {wanted}\n{words}");
            sleep(LOOK).await;
        }
    }

    /// Types into the field of that name, in place of what stands there.
    pub async fn fill(&self, field: &str, text: &str) -> anyhow::Result<()> {
        let typed = async || {
            let element = self.find(&format!("//input[@name='{field}']")).await?;
            self.post(&format!("element/{element}/clear"), json!({})).await?;
            self.post(&format!("element/{element}/value"), json!({ "text": text })).await
        };
        self.explained(insist(typed).await, &format!("cannot fill in `{field}`")).await
    }

    /// Clicks the button or link that reads so.
    pub async fn press(&self, label: &str) -> anyhow::Result<()> {
        let clicked = async || {
            let named = format!("//*[self::button or self::a][normalize-space()='{label}']");
            let element = self.find(&named).await?;
            self.post(&format!("element/{element}/click"), json!({})).await
        };
        self.explained(insist(clicked).await, &format!("cannot press `{label}`")).await
    }

    /// Saves how the whole page looks, as PNG.
    pub async fn picture(&self, file: &Path) -> anyhow::Result<()> {
        let metrics = self.devtools("Page.getLayoutMetrics", json!({})).await?;
        let size = |side: &str| metrics.pointer(&format!("/cssContentSize/{side}")).cloned().unwrap_or_default();
        let clip = json!({ "x": 0, "y": 0, "width": size("width"), "height": size("height"), "scale": 1 });
        let whole = json!({ "captureBeyondViewport": true, "clip": clip });
        let picture = self.devtools("Page.captureScreenshot", whole).await?;
        let png = picture.get("data").and_then(Value::as_str).context("the browser gives no picture")?;
        let png = STANDARD.decode(png)?;
        if let Some(directory) = file.parent() {
            std::fs::create_dir_all(directory)?;
        }
        std::fs::write(file, png).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Saves how the page looks on a telephone at night, as PNG. Fails where it is wider than that.
    pub async fn picture_on_a_telephone(&self, file: &Path) -> anyhow::Result<()> {
        let (width, night) = (390, json!([{ "name": "prefers-color-scheme", "value": "dark" }]));
        let metrics = json!({ "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": true });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await?;
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": night })).await?;
        let script = json!({ "script": "return document.documentElement.scrollWidth", "args": [] });
        let needed = self.post("execute/sync", script).await?;
        let saved = self.picture(file).await;
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": [] })).await?;
        self.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await?;
        ensure!(needed.as_u64().is_some_and(|needed| needed <= width), "{needed} pixels wide: {}", file.display());
        saved
    }

    /// What Chromium can do beyond WebDriver.
    async fn devtools(&self, command: &str, parameters: Value) -> anyhow::Result<Value> {
        self.post("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    /// What failed, and on what page.
    async fn explained(&self, outcome: anyhow::Result<()>, what: &str) -> anyhow::Result<()> {
        match outcome {
            Ok(()) => Ok(()),
            Err(error) => {
                let (address, words) = (self.address().await?, self.words().await?);
                Err(error.context(format!("{what} on the page {address}\n{words}")))
            }
        }
    }

    async fn find(&self, xpath: &str) -> anyhow::Result<String> {
        let found = self.post("element", json!({ "using": "xpath", "value": xpath })).await?;
        Ok(found.get(ELEMENT).and_then(Value::as_str).context("the driver names no element")?.to_owned())
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        value(self.client.get(format!("{}/{path}", self.session)).send().await?).await
    }

    async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        ask(self.client.post(format!("{}/{path}", self.session)), &body).await
    }
}

/// Tries until it works: a page may still be on its way, and one that keeps itself fresh takes things from under the pointer.
async fn insist(act: impl AsyncFn() -> anyhow::Result<Value>) -> anyhow::Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        match act().await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() >= end => return Err(error),
            Err(_) => sleep(LOOK).await,
        }
    }
}

/// chromedriver, which starts browsers in its own group of processes.
#[derive(Debug)]
struct Driver {
    port: u16,
    _group: Group,
    /// Kept open: the driver may say more.
    _said: BufReader<ChildStdout>,
}

impl Driver {
    /// Starts it, and waits for the port that it chooses.
    fn start() -> anyhow::Result<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let started = Group::start(&mut command);
        let mut group = started.context("chromedriver is missing: run `scripts/setup.sh test`, which installs it")?;
        let mut said = BufReader::new(group.leader().stdout.take().context("no standard output")?);
        loop {
            let mut line = String::new();
            ensure!(said.read_line(&mut line)? > 0, "chromedriver does not start");
            if let Some((_, port)) = line.trim().split_once("started successfully on port ") {
                return Ok(Self { port: port.trim_end_matches('.').parse()?, _group: group, _said: said });
            }
        }
    }
}

async fn ask(request: reqwest::RequestBuilder, body: &Value) -> anyhow::Result<Value> {
    value(request.json(body).send().await?).await
}

/// W3C WebDriver, 6.3: every answer, of an error too, is in `value`.
async fn value(response: reqwest::Response) -> anyhow::Result<Value> {
    let status = response.status();
    let mut body: Value = response.json().await?;
    let value = body.get_mut("value").map(Value::take).unwrap_or_default();
    ensure!(status.is_success(), "the browser: {value}");
    Ok(value)
}
