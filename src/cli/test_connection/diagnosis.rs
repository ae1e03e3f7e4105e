//! From what a stage showed to its cause and the next step, in words that a person can act on. Pure: a table.

use super::evidence::Evidence;
use super::exchange;
use crate::config::{GrantType, MailboxSettings, Protocol, ProviderKind, ProviderSettings, SignIn, TlsMode};
use crate::mailbox::Stage;
use crate::oauth::claims::Claims;
use crate::tls::TlsFault;

/// What is known about a mailbox whose stage failed.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The mailbox.
    pub settings: &'a MailboxSettings,
    /// Its provider, unless it has a password.
    pub provider: Option<&'a ProviderSettings>,
    /// What its token says, where it can be read.
    pub claims: Option<&'a Claims>,
}

/// What is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The cause.
    pub cause: String,
    /// The next step; several lines where there are several.
    pub next: String,
}

impl Advice {
    /// Puts both together.
    pub fn new(cause: impl Into<String>, next: impl Into<String>) -> Self {
        Self { cause: cause.into(), next: next.into() }
    }
}

/// The table. `None`: what the error says is all there is to say, and [`next_in_general`] comes next.
pub fn advice(case: &Case<'_>, stage: Stage, evidence: Evidence) -> Option<Advice> {
    let MailboxSettings { name, host, port, .. } = case.settings;
    match evidence {
        Evidence::NoAddress => Some(Advice::new(
            format!("the name {host} has no address"),
            format!("check the spelling of `host` in [mailbox.{name}], and this machine's DNS: `getent hosts {host}`"),
        )),
        Evidence::NoNameServer => Some(Advice::new(
            "no name server answered",
            "check this machine's DNS: /etc/resolv.conf, and a firewall on port 53",
        )),
        Evidence::PortClosed => Some(Advice::new(
            format!("{host} is there, but nothing listens on port {port}"),
            format!("check `port` in [mailbox.{name}]: {}", usual_ports(case.settings.protocol)),
        )),
        Evidence::NoAnswer => Some(Advice::new(
            format!("nothing answered on port {port} of {host} in time"),
            format!("a firewall drops it, or `host` is another machine's: try `nc -vz {host} {port}` from here"),
        )),
        Evidence::NoRoute => Some(Advice::new(
            format!("there is no route to {host}"),
            "check this machine's network and its default route",
        )),
        Evidence::Tls(fault) => tls(case, fault),
        Evidence::NoUpgrade => Some(Advice::new(
            "the server offers no upgrade to TLS on this port",
            format!(
                "write tls = \"implicit\" and port = {} in [mailbox.{name}]",
                implicit_port(case.settings.protocol)
            ),
        )),
        Evidence::OtherProtocol => Some(Advice::new(
            format!("what answers on port {port} does not speak {}", spoken(case.settings.protocol)),
            format!("check `protocol` and `port` in [mailbox.{name}]: {}", usual_ports(case.settings.protocol)),
        )),
        Evidence::NoMechanism => Some(Advice::new(
            "the server offers none of the ways to sign in that this mailbox may use",
            no_mechanism(case),
        )),
        Evidence::Lacking => Some(lacking(case)),
        Evidence::NotConnected => Some(exchange::not_connected(case)),
        Evidence::ProtocolOff => Some(protocol_off(case)),
        Evidence::AppPassword => Some(Advice::new(
            "the account has a second factor, and its own password is not taken here",
            format!(
                "make an app password at https://myaccount.google.com/apppasswords and write it where `secret` of [mailbox.{name}.password] points, or use a `provider` with kind = \"google\""
            ),
        )),
        Evidence::BasicAuthOff => Some(basic_auth_off(case)),
        Evidence::CredentialRefused => Some(credential_refused(case)),
        Evidence::Busy => Some(Advice::new(
            "the server has no time for us now, or another program has the mailbox open",
            "try again in some minutes; if it stays so, look for another program that reads this mailbox",
        )),
        Evidence::Broken if matches!(stage, Stage::Capabilities | Stage::Select) && is_microsoft(case) => {
            // Exchange Online says OK to the login, and hangs up over the next command.
            Some(exchange::not_connected(case))
        }
        Evidence::CommandRefused | Evidence::Broken => None,
    }
}

/// What to do where the error itself says what is wrong.
pub fn next_in_general(case: &Case<'_>, stage: Stage) -> String {
    let name = &case.settings.name;
    match stage {
        Stage::Select => format!("check `folders` in [mailbox.{name}], and that the account may open them"),
        Stage::Dns | Stage::Tcp | Stage::Tls | Stage::Login | Stage::Capabilities | Stage::Count => {
            "try again in a minute; if it stays so, ask the mail server's administrator".to_owned()
        }
    }
}

/// What is wrong with a token that was got in good order: wrong for this server before it is shown.
pub fn of_token(case: &Case<'_>) -> Option<Advice> {
    if is_microsoft(case) { exchange::of_claims(case) } else { None }
}

fn tls(case: &Case<'_>, fault: TlsFault) -> Option<Advice> {
    let MailboxSettings { name, host, port, .. } = case.settings;
    let is_upgraded = case.settings.tls == TlsMode::StartTls;
    match fault {
        TlsFault::UnknownCa => Some(Advice::new(
            "the certificate's issuer is not trusted: a private certificate authority, or something in between",
            format!(
                "name the authority's certificate, a PEM file, as `ca_file` in [mailbox.{name}]; see it with `openssl s_client -connect {host}:{port} -showcerts`"
            ),
        )),
        TlsFault::NameMismatch => Some(Advice::new(
            format!("the certificate is for another name than {host}"),
            format!("write the name that stands in the certificate as `host` in [mailbox.{name}]"),
        )),
        TlsFault::AuthoritysOwn => Some(Advice::new(
            "the certificate is self-signed as that of an authority, which no server may show as its own",
            format!(
                "have the server show one without that right, and name it as `ca_file` in [mailbox.{name}]:\n\
                 openssl req -x509 -newkey rsa:2048 -nodes -days 825 -subj /CN={host} -addext subjectAltName=DNS:{host} \
                 -addext basicConstraints=critical,CA:FALSE -keyout server.key -out server.pem"
            ),
        )),
        TlsFault::Expired => Some(Advice::new(
            "the server's certificate has expired, or this machine's clock is wrong",
            "check `date` here; else the mail server's administrator must renew the certificate",
        )),
        TlsFault::NotYetValid => Some(Advice::new(
            "the server's certificate is not valid yet, or this machine's clock is wrong",
            "check `date` here; else ask the mail server's administrator",
        )),
        TlsFault::NotTls => Some(Advice::new(
            format!("port {port} does not speak TLS from the first byte"),
            format!(
                "write tls = \"starttls\" in [mailbox.{name}], or port = {}",
                implicit_port(case.settings.protocol)
            ),
        )),
        TlsFault::Silent | TlsFault::HungUp if is_upgraded => Some(Advice::new(
            format!("port {port} says nothing in the clear: it seems to want TLS from the first byte"),
            format!("write tls = \"implicit\" in [mailbox.{name}]"),
        )),
        TlsFault::Silent | TlsFault::HungUp => Some(Advice::new(
            format!("port {port} accepts a connection, and then does not speak TLS"),
            format!("check `port` and `tls` in [mailbox.{name}]: {}", usual_ports(case.settings.protocol)),
        )),
        TlsFault::NothingInCommon => Some(Advice::new(
            "the server has no version of TLS or cipher that is still safe (TLS 1.2 is the oldest)",
            "the mail server's administrator must bring its TLS up to date",
        )),
        TlsFault::Certificate => Some(Advice::new(
            "the server's certificate is not sound",
            format!(
                "see it with `openssl s_client -connect {host}:{port} -showcerts`, and have its administrator replace it"
            ),
        )),
        TlsFault::Other => None,
    }
}

fn no_mechanism(case: &Case<'_>) -> String {
    let name = &case.settings.name;
    match (&case.settings.sign_in, case.settings.tls) {
        (_, TlsMode::None) => format!("servers hide them without TLS: write tls = \"starttls\" in [mailbox.{name}]"),
        (SignIn::OAuth(_), _) => format!(
            "write mechanism = \"auto\" in [mailbox.{name}]; if it is so, the server takes no OAuth tokens: use [mailbox.{name}.password]"
        ),
        (SignIn::Password { .. }, _) => format!(
            "write mechanism = \"auto\" in [mailbox.{name}]; if it is so, the server takes no passwords: use a `provider`"
        ),
    }
}

fn lacking(case: &Case<'_>) -> Advice {
    let name = &case.settings.name;
    Advice::new(
        "the server lacks a command of POP3 that is needed here",
        format!(
            "write protocol = \"imap\" in [mailbox.{name}] if the server has that too; else its administrator must enable the command"
        ),
    )
}

fn protocol_off(case: &Case<'_>) -> Advice {
    let (protocol, address) = (spoken(case.settings.protocol), &case.settings.address);
    let cause = format!("{protocol} is switched off for this mailbox");
    match case.provider.map(|provider| &provider.kind) {
        Some(ProviderKind::Microsoft(_)) => Advice::new(cause, exchange::switch_on(case)),
        Some(ProviderKind::Google | ProviderKind::Custom) | None if is_gmail(case) => Advice::new(
            cause,
            format!(
                "open Gmail as {address}: Settings, Forwarding and POP/IMAP, enable {protocol}; in Workspace an administrator allows it under Apps, Gmail, End User Access"
            ),
        ),
        Some(ProviderKind::Google | ProviderKind::Custom) | None => {
            Advice::new(cause, format!("the mail server's administrator must enable {protocol} for {address}"))
        }
    }
}

fn basic_auth_off(case: &Case<'_>) -> Advice {
    let name = &case.settings.name;
    Advice::new(
        "the server takes no passwords any more (basic authentication is switched off)",
        format!(
            "sign in with OAuth: write provider = \"NAME\" in [mailbox.{name}] in place of its password, with kind = \"microsoft\" or \"google\" in [provider.NAME]"
        ),
    )
}

fn credential_refused(case: &Case<'_>) -> Advice {
    let name = &case.settings.name;
    match (&case.settings.sign_in, case.provider.map(|provider| &provider.kind)) {
        (SignIn::Password { .. }, _) if is_exchange_host(case) => basic_auth_off(case),
        (SignIn::Password { .. }, _) if is_gmail(case) => Advice::new(
            "the user name or the password is wrong; Gmail takes app passwords alone",
            "make one at https://myaccount.google.com/apppasswords, or use a `provider` with kind = \"google\"",
        ),
        (SignIn::Password { .. }, _) => Advice::new(
            "the server refuses the user name or the password",
            format!("check `username` and `secret` in [mailbox.{name}.password]: some servers want the whole address"),
        ),
        (SignIn::OAuth(_), Some(ProviderKind::Microsoft(_))) => exchange::refused(case),
        (SignIn::OAuth(_), Some(ProviderKind::Google)) => google_refused(case),
        (SignIn::OAuth(_), Some(ProviderKind::Custom) | None) => Advice::new(
            "the server refuses the token for this address",
            format!(
                "see that the token's scopes ({}) are those that the server wants, and that it is for {}; then run `mail2jira authorize {name}`",
                case.provider.map(|provider| provider.scopes.join(" ")).unwrap_or_default(),
                case.settings.address,
            ),
        ),
    }
}

fn google_refused(case: &Case<'_>) -> Advice {
    let MailboxSettings { name, address, .. } = case.settings;
    match case.provider.map(|provider| provider.grant) {
        Some(GrantType::ServiceAccount) => Advice::new(
            format!("Gmail refuses the service account's token for {address}"),
            "in the Workspace admin console, Security, API controls, Domain-wide delegation: allow the service account's client id the scope https://mail.google.com/; and see that Gmail is on for this user",
        ),
        Some(GrantType::AuthorizationCode | GrantType::Device | GrantType::ClientCredentials) | None => Advice::new(
            format!(
                "Gmail refuses the token for {address}: another account consented, the scope https://mail.google.com/ was not ticked, or the protocol is off"
            ),
            format!(
                "run `mail2jira authorize {name}` as {address} with every box ticked; in Gmail's settings enable {}",
                spoken(case.settings.protocol)
            ),
        ),
    }
}

fn is_microsoft(case: &Case<'_>) -> bool {
    case.provider.is_some_and(|provider| matches!(provider.kind, ProviderKind::Microsoft(_)))
}

fn is_exchange_host(case: &Case<'_>) -> bool {
    let host = case.settings.host.to_ascii_lowercase();
    ["office365.com", "office365.us", "outlook.com", "outlook.cn"].iter().any(|domain| host.ends_with(domain))
}

fn is_gmail(case: &Case<'_>) -> bool {
    let host = case.settings.host.to_ascii_lowercase();
    ["gmail.com", "googlemail.com"].iter().any(|domain| host.ends_with(domain))
}

/// The protocol's name.
pub fn spoken(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Imap => "IMAP",
        Protocol::Pop3 => "POP",
    }
}

fn implicit_port(protocol: Protocol) -> u16 {
    protocol.default_port(TlsMode::Implicit)
}

fn usual_ports(protocol: Protocol) -> String {
    let upgraded = protocol.default_port(TlsMode::StartTls);
    format!("{} goes with tls = \"implicit\", {upgraded} with \"starttls\"", implicit_port(protocol))
}

#[cfg(test)]
mod tests;
