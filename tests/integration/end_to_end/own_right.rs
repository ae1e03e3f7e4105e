//! Mailboxes that nobody signs in for: from `authorize`, which only proves that they open, to a delivered mail.

use sandbox::jira::site::Product;
use sandbox::oauth::{ClientAuth, ClientCertificate, Dialect, ProviderOptions, ServiceAccount};

use super::world::{World, mail};

/// A world with this provider, and this table for it; what stands in `secrets` is beside the config file.
async fn world(options: ProviderOptions, table: &str, secrets: &[(&str, &str)]) -> World {
    let world = World::start_at(options, Product::Cloud, "", "start = \"all\"").await;
    let mut table = table.replace("ISSUER", world.provider.issuer());
    for (name, text) in secrets {
        let path = world.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        table = table.replace(name, &path.display().to_string());
    }
    world.enter_mailbox_by(&table);
    world
}

async fn delivers(world: &World, token: &str) {
    let authorized = world.run(&["authorize", "support"]).await;
    let said = String::from_utf8_lossy(&authorized.stderr).into_owned();
    assert!(authorized.status.success() && said.contains("nobody has to sign in"), "{said}");
    world.inbox().deliver(&mail(token, "")).unwrap();
    let output = world.pass().await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(world.written(&format!("{token}-body")), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_brings_the_mail_of_the_mailbox_that_it_acts_for() {
    let (account, key) = ServiceAccount::generate("robot@project.iam.example.test").unwrap();
    let options = ProviderOptions { service_account: Some(account), ..ProviderOptions::default() };
    let table = "kind = \"google\"\ngrant = \"service-account\"\ntoken_url = \"ISSUER/token\"\nscopes = [\"mail\"]\n\
                 client_secret = { file = \"KEY\" }";
    let world = world(options, table, &[("KEY", &key)]).await;
    world.provider.set(|settings| settings.delegated_scopes = vec!["mail".to_owned()]);
    delivers(&world, "first").await;
    world.provider.set(|settings| settings.delegated_scopes.clear());
    let output = world.pass().await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("Domain-wide delegation"), "{said}");
    let revoked = world.run(&["revoke", "support"]).await;
    assert!(String::from_utf8_lossy(&revoked.stderr).contains("nobody consented"), "{revoked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_of_microsofts_brings_its_mail_by_a_secret_or_a_certificate() {
    let (certificate, pem) = ClientCertificate::generate("mail2jira").unwrap();
    let table = "kind = \"microsoft\"\ntenant = \"contoso.example\"\nclient_id = \"mail2jira\"\ngrant = \"client-credentials\"\n\
                 token_url = \"ISSUER/token\"\nscopes = [\"mail\"]\n";
    let by_secret = format!("{table}client_secret = {{ file = \"SECRET\" }}");
    let by_certificate = format!("{table}client_certificate = {{ file = \"PEM\" }}");
    for (table, secret, auth) in [
        (by_secret, ("SECRET", "sandbox-client-secret"), ClientAuth::Any),
        (by_certificate, ("PEM", pem.as_str()), ClientAuth::Assertion),
    ] {
        let options = ProviderOptions { client_certificate: Some(certificate.clone()), ..ProviderOptions::default() };
        let world = world(options, &table, &[secret]).await;
        world.provider.set(|settings| {
            settings.dialect = Dialect::Microsoft;
            settings.client_auth = auth;
        });
        delivers(&world, "first").await;
    }
}
