//! An IMAP client of a few lines, so that the stand-in is not judged by the program that it is to judge.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub struct Connection {
    stream: BufReader<TlsStream<TcpStream>>,
}

impl Connection {
    /// Over TLS, trusting this authority alone; reads the greeting.
    pub async fn open(port: u16, ca_file: &Path) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let mut connection = Self { stream: BufReader::new(encrypt(stream, ca_file).await?) };
        connection.line().await?;
        Ok(connection)
    }

    /// The same by STARTTLS or STLS.
    pub async fn open_by_upgrade(port: u16, ca_file: &Path, command: &str) -> anyhow::Result<Self> {
        let mut plain = BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?);
        let mut line = String::new();
        plain.read_line(&mut line).await?;
        plain.write_all(command.as_bytes()).await?;
        line.clear();
        plain.read_line(&mut line).await?;
        if !line.contains("OK") {
            bail!("no upgrade to TLS: {line}");
        }
        Ok(Self { stream: BufReader::new(encrypt(plain.into_inner(), ca_file).await?) })
    }

    pub async fn send(&mut self, line: &str) -> anyhow::Result<()> {
        Ok(self.stream.write_all(format!("{line}\r\n").as_bytes()).await?)
    }

    /// The next line without its end; an error when the server closed.
    pub async fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        let read = timeout(Duration::from_secs(60), self.stream.read_line(&mut line)).await;
        if read.context("the server is silent")?? == 0 {
            bail!("the server closed the connection");
        }
        Ok(line.trim_end().to_owned())
    }

    /// Everything up to and with the tagged answer to an IMAP command.
    pub async fn command(&mut self, command: &str) -> anyhow::Result<String> {
        self.send(&format!("t {command}")).await?;
        let mut answer = String::new();
        loop {
            let line = self.line().await?;
            answer += &line;
            answer.push('\n');
            if line.starts_with("t ") {
                return Ok(answer);
            }
        }
    }

    /// AUTHENTICATE XOAUTH2: the challenge if one came (decoded, and answered), and the tagged answer.
    pub async fn xoauth2(&mut self, user: &str, token: &str) -> anyhow::Result<(Option<String>, String)> {
        self.send(&format!("t AUTHENTICATE XOAUTH2 {}", xoauth2(user, token))).await?;
        let line = self.line().await?;
        let Some(challenge) = line.strip_prefix("+ ") else {
            return Ok((None, line));
        };
        let challenge = String::from_utf8(STANDARD.decode(challenge)?)?;
        self.send("").await?;
        Ok((Some(challenge), self.line().await?))
    }

    /// UIDVALIDITY of a folder, by SELECT.
    pub async fn uid_validity(&mut self, folder: &str) -> anyhow::Result<u32> {
        let answer = self.command(&format!("SELECT {folder}")).await?;
        let after = answer.split_once("[UIDVALIDITY ").and_then(|(_, rest)| rest.split_once(']'));
        Ok(after.with_context(|| format!("no UIDVALIDITY: {answer}"))?.0.parse()?)
    }
}

pub fn xoauth2(user: &str, token: &str) -> String {
    STANDARD.encode(format!("user={user}\x01auth=Bearer {token}\x01\x01"))
}

async fn encrypt(stream: TcpStream, ca_file: &Path) -> anyhow::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca_file)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost")?, stream).await?)
}
