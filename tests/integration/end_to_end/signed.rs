//! Mail that its sender's domain has signed (DKIM), at a server that has not looked: who becomes the reporter, and that no name
//! server, whatever it does, costs a mail.

use sandbox::dkim::{Canon, Key, Signing};
use sandbox::dns::{Manners, NameServer};
use sandbox::jira::site::Product;

use super::world::{World, mail};
use super::{ADDRESS, PRODUCTS};

const RULE: &str =
    "start = \"all\"\ndefault_reporter = \"bot@example.com\"\n[[rule]]\nname = \"theirs\"\nreporter = \"sender\"";

struct Signed {
    world: World,
    names: NameServer,
}

impl Signed {
    async fn start(product: Product) -> Self {
        let names = NameServer::start().await.unwrap();
        let mailbox = format!("{RULE}\n[dns]\nservers = [\"{}\"]", names.address());
        Self { world: World::authorized_on(product, "", &mailbox).await, names }
    }

    /// A mail about `token`, signed.
    fn deliver(&self, token: &str, key: &Key, signing: &Signing<'_>) {
        let mail = String::from_utf8(mail(token, "")).unwrap();
        self.world.inbox().deliver(&key.sign(&mail, signing).unwrap()).unwrap();
    }

    /// Who reported each issue, after a pass.
    async fn reporters<const N: usize>(&self, tokens: [&str; N]) -> [String; N] {
        let output = self.world.pass().await;
        assert!(output.status.success(), "{output:?}");
        let issues = self.world.jira.issues();
        tokens.map(|token| {
            let issue = issues.iter().find(|issue| issue.summary.ends_with(&format!(" {token}")));
            issue.unwrap_or_else(|| panic!("no issue about {token}: {}", self.world.jira.state())).reporter.clone()
        })
    }

    /// The stories of all messages.
    async fn stories(&self) -> String {
        let listed = self.world.run(&["messages", "list", "--json"]).await;
        let mut stories = String::new();
        for line in String::from_utf8(listed.stdout).unwrap().lines() {
            let id = serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].to_string();
            let shown = self.world.run(&["messages", "show", &id]).await;
            stories += &String::from_utf8(shown.stdout).unwrap();
        }
        stories
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_signed_is_the_reporter_and_nobody_else_is() {
    for product in PRODUCTS {
        let signed = Signed::start(product).await;
        let (rsa, ed25519, stranger) = (Key::rsa().unwrap(), Key::ed25519().unwrap(), Key::ed25519().unwrap());
        let names = &signed.names;
        names.publish("mail._domainkey.example.com", &rsa.record());
        names.alias("new._domainkey.example.com", "new.keys.example.net");
        names.publish("new.keys.example.net", "v=spf1 -all");
        names.publish("new.keys.example.net", &ed25519.record());
        names.publish("revoked._domainkey.example.com", "v=DKIM1; k=ed25519; p=");
        names.publish("testing._domainkey.example.com", &ed25519.record().replace("v=DKIM1;", "v=DKIM1; t=y;"));
        names.publish("mail._domainkey.example.org", &stranger.record());
        let usual = Signing::default();
        signed.deliver("genuine", &rsa, &usual);
        signed.deliver("simple", &rsa, &Signing { canon: Canon::Simple, ..usual });
        signed.deliver("aliased", &ed25519, &Signing { selector: "new", ..usual });
        signed.deliver("foreign", &stranger, &Signing { domain: "example.org", ..usual });
        signed.deliver("revoked", &ed25519, &Signing { selector: "revoked", ..usual });
        signed.deliver("testing", &ed25519, &Signing { selector: "testing", ..usual });
        signed.deliver("nowhere", &ed25519, &Signing { selector: "nowhere", ..usual });
        signed.deliver("guessed", &stranger, &usual);
        signed.deliver("expired", &rsa, &Signing { more: " t=1000000000; x=1000000001;", ..usual });
        signed.deliver("unsigned", &rsa, &Signing { headers: &["to", "subject"], ..usual });
        // Too large to be held at once.
        let large = String::from_utf8(mail("large", "")).unwrap() + &"Yet another line.\r\n".repeat(500_000);
        signed.world.inbox().deliver(&rsa.sign(&large, &usual).unwrap()).unwrap();
        let unsigned = mail("silent", "");
        signed.world.inbox().deliver(&unsigned).unwrap();
        let [genuine, silent] = signed.reporters(["genuine", "silent"]).await;
        assert_ne!(genuine, silent, "{ADDRESS}");
        assert_eq!(
            signed.reporters(["simple", "aliased", "large"]).await,
            ["simple", "aliased", "large"].map(|_| genuine.clone())
        );
        let others = ["foreign", "revoked", "testing", "nowhere", "guessed", "expired", "unsigned"];
        assert_eq!(signed.reporters(others).await, others.map(|_| silent.clone()));
        let asked = names.asked();
        assert!(
            !asked.contains(&"mail._domainkey.example.org".to_owned()),
            "of a stranger nothing is asked: {asked:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_name_server_does_no_mail_is_lost_held_up_or_called_forged() {
    let signed = Signed::start(Product::Cloud).await;
    let key = Key::rsa().unwrap();
    signed.names.publish("mail._domainkey.example.com", &key.record());
    signed.world.inbox().deliver(&mail("plain", "")).unwrap();
    let [bot] = signed.reporters(["plain"]).await;
    let bad = [
        Manners::Failing,
        Manners::Garbage,
        Manners::OnlyCutShort,
        Manners::WrongId,
        Manners::WrongName,
        Manners::Silent,
    ];
    for (number, manners) in bad.into_iter().enumerate() {
        signed.names.behave(manners);
        let token = format!("number{number}");
        signed.deliver(&token, &key, &Signing::default());
        let [reporter] = signed.reporters([&token]).await;
        assert_eq!(reporter, bot, "{manners:?}");
    }
    let stories = signed.stories().await;
    assert_eq!(stories.matches("no name server gave the key").count(), bad.len(), "{stories}");
    for (token, manners) in [("cut", Manners::CutShort), ("sound", Manners::Sound)] {
        signed.names.behave(manners);
        signed.deliver(token, &key, &Signing::default());
        let [reporter] = signed.reporters([token]).await;
        assert_ne!(reporter, bot, "{manners:?}");
    }
}
