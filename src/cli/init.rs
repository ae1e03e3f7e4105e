//! `init`: a config file from a few answers. It passes `check-config`, or it is not written; what is there is never replaced.

use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, absolute};

use anyhow::Context;

use super::{Failure, report};
use crate::config::{Config, MailboxName, MustExist};
use answers::{Answers, Home, WayIn};

mod answers;

/// Asks, and writes the file.
pub fn run(file: &Path) -> Result<(), Failure> {
    if file.exists() {
        return Err(there_already(file));
    }
    let file = absolute(file).with_context(|| format!("cannot tell where {} is", file.display()))?;
    report::note(
        "A few questions; what stands in brackets is taken when you just press Enter. No secret is asked for.\n",
    );
    let answers = Interview { lines: io::stdin().lock() }.hold()?;
    let secrets = file.parent().unwrap_or(Path::new("/")).join("secrets");
    let text = answers.config(&secrets);
    Config::parse(&file, &text, MustExist::MayBeElsewhere)?;
    write(&file, &text)?;
    report::note(&next_steps(&file, &secrets, &answers));
    Ok(())
}

fn there_already(file: &Path) -> Failure {
    Failure::new(format!("{} is there already, and is left alone", file.display()))
        .with_hint("name another one: mail2jira init --config FILE")
}

/// For its owner and group: it holds no secret, but names people and machines.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let created = File::options().write(true).create_new(true).mode(0o640).open(file);
    let mut created = match created {
        Ok(created) => created,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(there_already(file)),
        Err(error) => {
            let failure = anyhow::Error::new(error).context(format!("cannot create {}", file.display()));
            return Err(Failure::from(failure).with_hint("write it elsewhere: mail2jira init --config FILE"));
        }
    };
    let written = created.write_all(text.as_bytes()).and_then(|()| created.sync_all());
    Ok(written.with_context(|| format!("cannot write {}", file.display()))?)
}

fn next_steps(file: &Path, secrets: &Path, answers: &Answers) -> String {
    let mut lines = vec![format!("\nWritten: {}\nNext:", file.display())];
    for (name, what) in answers.secrets() {
        lines.push(format!("  put {what} into {}", secrets.join(name).display()));
    }
    let command = |words: &str| format!("  mail2jira --config {} {words}", file.display());
    lines.push(command("check-config"));
    if let WayIn::OAuth2 { .. } = answers.way_in {
        lines.push(command("authorize jira"));
    }
    match answers.home {
        Home::Google { .. } | Home::Microsoft { .. } | Home::Custom { .. } => {
            lines.push(command(&format!("authorize {}", answers.name)));
        }
        Home::Password { .. } => {}
    }
    lines.extend([command("test-connection"), command("run")]);
    lines.join("\n")
}

#[derive(Clone, Copy)]
enum Way {
    ApiToken,
    ServiceAccount,
    OAuth2,
    Pat,
    Basic,
}

#[derive(Clone, Copy)]
enum Kind {
    Google,
    Microsoft,
    Custom,
    Password,
}

/// One question after the other. An answer that cannot be right is asked for again.
struct Interview<L> {
    lines: L,
}

impl<L: BufRead> Interview<L> {
    fn hold(&mut self) -> Result<Answers, Failure> {
        let jira_url = self.ask("Address of Jira, such as https://example.atlassian.net", None, address_of_site)?;
        let way_in = self.way_in(&jira_url)?;
        let address = self.ask("Mail address of the mailbox", None, mail_address)?;
        let home = self.home(&address)?;
        let protocol = self.choose("Protocol", &[("imap", "imap"), ("pop3", "pop3")])?.to_owned();
        let project = self.ask("Key of the Jira project that its mail goes to, such as SUP", None, project_key)?;
        let issue_type = self.ask("Type of the issues", Some("Task"), not_empty)?;
        let name = self.ask("Name of the mailbox in commands and logs", Some(&short_name(&address)), mailbox_name)?;
        Ok(Answers { jira_url, way_in, name, address, home, protocol, project, issue_type })
    }

    fn way_in(&mut self, jira_url: &str) -> Result<WayIn, Failure> {
        let (api_token, oauth2) = (("api-token", Way::ApiToken), ("oauth2", Way::OAuth2));
        let of_cloud = [api_token, ("service-account", Way::ServiceAccount), oauth2];
        let of_data_center = [("pat", Way::Pat), oauth2, ("basic", Way::Basic), api_token];
        let ways = if jira_url.contains(".atlassian.net") { of_cloud.as_slice() } else { of_data_center.as_slice() };
        Ok(match self.choose("Way into Jira", ways)? {
            Way::ApiToken => WayIn::ApiToken { email: self.ask("Mail address of the account", None, mail_address)? },
            Way::ServiceAccount => WayIn::ServiceAccount { client_id: self.ask("Its client id", None, not_empty)? },
            Way::OAuth2 => WayIn::OAuth2 { client_id: self.ask("Client id of the app", None, not_empty)? },
            Way::Pat => WayIn::Pat,
            Way::Basic => WayIn::Basic { username: self.ask("User name", None, not_empty)? },
        })
    }

    fn home(&mut self, address: &str) -> Result<Home, Failure> {
        let kinds = [
            ("google", Kind::Google),
            ("microsoft", Kind::Microsoft),
            ("custom", Kind::Custom),
            ("password", Kind::Password),
        ];
        Ok(match self.choose("Where it is", &kinds)? {
            Kind::Google => Home::Google { client_id: self.ask("Client id of the app at Google", None, not_empty)? },
            Kind::Microsoft => {
                let domain = address.rsplit('@').next().unwrap_or_default();
                let tenant = self.ask("Tenant (its domain or id)", Some(domain), not_empty)?;
                Home::Microsoft { tenant, client_id: self.ask("Client id of the app at Microsoft", None, not_empty)? }
            }
            Kind::Custom => {
                let issuer =
                    self.ask("Issuer of the OAuth server, such as https://id.example.com", None, address_of_site)?;
                let client_id = self.ask("Client id of the app there", None, not_empty)?;
                let scopes = self.ask("Scopes", Some("openid email offline_access"), not_empty)?;
                Home::Custom { issuer, client_id, scopes, host: self.ask("Name of the mail server", None, not_empty)? }
            }
            Kind::Password => {
                let host = self.ask("Name of the mail server", None, not_empty)?;
                Home::Password { host, username: self.ask("User name", Some(address), not_empty)? }
            }
        })
    }

    /// One of several words; the first when nothing is answered.
    fn choose<T: Copy>(&mut self, what: &str, choices: &[(&str, T)]) -> Result<T, Failure> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let question = format!("{what} ({})", words.join(", "));
        let wanted = "one of the words in the parentheses";
        let answer =
            self.ask(
                &question,
                words.first().copied(),
                |answer| {
                    if words.contains(&answer) { Ok(()) } else { Err(wanted) }
                },
            )?;
        let chosen = choices.iter().find(|(word, _)| *word == answer);
        chosen.map(|(_, chosen)| *chosen).ok_or_else(|| Failure::new(wanted))
    }

    fn ask(
        &mut self,
        question: &str,
        default: Option<&str>,
        accept: impl Fn(&str) -> Result<(), &'static str>,
    ) -> Result<String, Failure> {
        loop {
            let shown = default.map_or_else(String::new, |default| format!(" [{default}]"));
            let _ = write!(report::words(), "{question}{shown}: "); // nobody to tell that nobody listens
            let mut line = String::new();
            if self.lines.read_line(&mut line).context("cannot read the answer")? == 0 {
                return Err(Failure::new("the answers ended before the questions did; nothing was written"));
            }
            let answer = match line.trim() {
                "" => default.unwrap_or_default(),
                answer => answer,
            };
            match accept(answer) {
                Ok(()) => return Ok(answer.to_owned()),
                Err(wanted) => report::note(&format!("  wanted: {wanted}")),
            }
        }
    }
}

fn not_empty(answer: &str) -> Result<(), &'static str> {
    if answer.is_empty() { Err("something") } else { Ok(()) }
}

fn address_of_site(answer: &str) -> Result<(), &'static str> {
    let address = url::Url::parse(answer).ok().filter(url::Url::has_host);
    match address.as_ref().map(url::Url::scheme) {
        Some("https" | "http") => Ok(()),
        Some(_) | None => Err("an address that begins with https://"),
    }
}

fn mail_address(answer: &str) -> Result<(), &'static str> {
    match answer.split_once('@') {
        Some((local, domain)) if !local.is_empty() && domain.contains('.') && !answer.contains(char::is_whitespace) => {
            Ok(())
        }
        Some(_) | None => Err("a mail address, such as support@example.com"),
    }
}

fn project_key(answer: &str) -> Result<(), &'static str> {
    let rest = answer.strip_prefix(|c: char| c.is_ascii_uppercase());
    match rest {
        Some(rest) if rest.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') => Ok(()),
        Some(_) | None => Err("the key in capital letters, as it stands in front of the number of each issue"),
    }
}

fn mailbox_name(answer: &str) -> Result<(), &'static str> {
    match MailboxName::parse(answer) {
        Some(_) if answer != crate::config::JIRA => Ok(()),
        Some(_) | None => Err("letters, digits, `-` and `_`, at most 64, and not `jira`"),
    }
}

/// What stands before the `@`, as far as it can be a name.
fn short_name(address: &str) -> String {
    let local = address.split('@').next().unwrap_or_default();
    let name: String = local.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(64).collect();
    if mailbox_name(&name).is_ok() { name } else { "support".to_owned() }
}
