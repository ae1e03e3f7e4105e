//! Pictures in the text of a mail, shown in their places: on Cloud by their ids at the media service, on Data Center by name.

use sandbox::jira::faults::{Effect, Fault, Looks, When};
use sandbox::jira::log::LogBodies;
use sandbox::jira::site::{Issue, Product};
use serde_json::{Value, json};

use super::PRODUCTS;
use super::world::{ADDRESS, World};

/// A mail with a picture between two sentences, `headers` each with its line end.
fn letter(token: &str, headers: &str) -> Vec<u8> {
    format!(
        "From: ann@example.com\r\nTo: {ADDRESS}\r\nSubject: {token}\r\nMessage-ID: <{token}@example.com>\r\n{headers}\
         Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n\
         <p>{token}-before <img src=\"cid:{token}\"> after</p><ul><li><img src=\"cid:{token}\"></ul>\r\n\
         --b\r\nContent-Type: image/png; name={token}.png\r\nContent-ID: <{token}>\r\n\r\nGIF89a\x40\x01 of {token}\r\n--b--\r\n"
    )
    .into_bytes()
}

async fn world(product: Product, mailbox: &str) -> World {
    let world =
        World::authorized_on(product, "[limits]\nsettle = \"2s\"", &format!("start = \"all\"\n{mailbox}")).await;
    world.jira.configure(|settings| settings.log_bodies = LogBodies::UpTo(1 << 20));
    world
}

async fn take_in(world: &World, token: &str, headers: &str) {
    world.inbox().deliver(&letter(token, headers)).unwrap();
    let output = world.pass().await;
    assert!(output.status.success(), "{output:?}");
}

/// The ids of the pictures that a text shows.
fn pictures(text: &Value) -> Vec<String> {
    let own = (text["type"] == "media").then(|| text["attrs"]["id"].as_str().unwrap_or_default().to_owned());
    let children = text["content"].as_array().into_iter().flatten();
    own.into_iter().chain(children.flat_map(pictures)).collect()
}

fn is_shown(issue: &Issue, text: &Value, token: &str) -> bool {
    let file = issue.attachments.iter().rfind(|file| file.name == format!("{token}.png")).unwrap();
    match text.as_str() {
        Some(markup) => markup.matches(&format!("!{token}.png|thumbnail!")).count() == 2,
        None => {
            let is_wide = text.to_string().contains("\"width\":320,\"widthType\":\"pixel\"");
            is_wide && pictures(text) == [file.media_id.as_str(), &file.media_id]
        }
    }
}

/// How often anything was written anew.
fn edits(world: &World) -> usize {
    let requests = world.jira.requests();
    requests.iter().filter(|request| request.method == "PUT" && !request.path.contains("/properties/")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_shown_where_the_text_has_it_and_the_issue_is_changed_once_for_that() {
    for product in PRODUCTS {
        let notes = "[[rule]]\nname = \"notes\"\nwhen.subject = \"internal\"\nvisibility = \"internal\"\n\
            [[rule]]\nname = \"roles\"\nwhen.subject = \"restricted\"\nvisibility = \"role:Agents\"";
        let world = world(product, notes).await;
        take_in(&world, "first", "").await;
        for token in ["second", "internal", "restricted"] {
            take_in(&world, token, "In-Reply-To: <first@example.com>\r\n").await;
        }
        let issue = world.jira.issue("SUP-1").unwrap();
        assert!(is_shown(&issue, &issue.fields["description"], "first"), "{:?}", issue.fields);
        for (comment, token) in issue.comments.iter().zip(["second", "internal", "restricted"]) {
            assert!(is_shown(&issue, &comment.body, token), "{:?}", comment.body);
            assert!(comment.body.to_string().contains(&format!("{token}-before")), "{:?}", comment.body);
        }
        assert!(issue.comments[1].properties.contains_key("sd.public.comment"), "it is an internal one still");
        assert_eq!(issue.comments[2].visibility.as_ref().unwrap()["value"], "Agents");
        let expected = match product {
            Product::Cloud => 4,
            Product::DataCenter => 0,
        };
        assert_eq!(edits(&world), expected, "{product:?}");
        if let Some(documents) = crate::jira_documents::documents().unwrap().filter(|_| product == Product::Cloud) {
            let changes = world.jira.requests().into_iter().filter(|request| request.method == "PUT");
            let complaints: Vec<_> = changes.flat_map(|request| documents.judge_entry(&request)).collect();
            assert!(complaints.is_empty(), "{complaints:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_shows_its_pictures_too() {
    let requests = "authserv_id = \"localhost\"\n[mailbox.support.requests]\ntype = \"ask a question\"";
    for product in PRODUCTS {
        let world = world(product, requests).await;
        let text = world.config_text().replace("project = \"SUP\"\nissue_type = \"Task\"\n", "project = \"HELP\"\n");
        world.write_config(&text);
        take_in(&world, "asked", "").await;
        let issue = world.jira.issues().remove(0);
        assert!(is_shown(&issue, &issue.fields["description"], "asked"), "{:?}", issue.fields);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_jira_refused_of_the_issue_is_noted_below_the_text_and_its_pictures_are_shown() {
    let world = world(Product::Cloud, "[[rule]]\nname = \"urgent\"\npriority = \"Unknown\"").await;
    take_in(&world, "urgent", "").await;
    let issue = world.jira.issues().remove(0);
    let text = &issue.fields["description"];
    assert!(is_shown(&issue, text, "urgent") && text.to_string().contains("did not take the field priority"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_the_text_keeps_the_pictures_name_or_shows_it() {
    let html = |when| Effect::Status { status: 502, when, looks: Looks::Html };
    for (name, fault, shown) in [
        ("lost", Fault::on("PUT", "*/issue/*", html(When::AfterWrite)).times(1), true),
        ("not-written", Fault::on("PUT", "*/issue/*", html(When::BeforeWrite)).times(1), true),
        ("busy", Fault::on("GET", "*/attachment/content/*", Effect::status(503, When::BeforeWrite)).times(1), true),
        ("unknown", Fault::on("GET", "*/attachment/content/*", Effect::status(404, When::BeforeWrite)), false),
        ("refused", Fault::on("PUT", "*/issue/*", Effect::status(400, When::BeforeWrite)), false),
        ("forbidden", Fault::on("PUT", "*/issue/*", Effect::status(403, When::BeforeWrite)), false),
    ] {
        let world = world(Product::Cloud, "").await;
        world.jira.add_fault(fault);
        take_in(&world, name, "").await;
        let issue = world.jira.issues().remove(0);
        let text = &issue.fields["description"];
        assert_eq!(is_shown(&issue, text, name), shown, "{name}: {text}");
        assert_eq!(text.to_string().matches(&format!("[{name}.png]")).count(), if shown { 0 } else { 2 }, "{text}");
        let listed = world.json(&["messages", "list", "--json"]).await;
        let story = world.json(&["messages", "show", &listed["id"].to_string(), "--json"]).await.to_string();
        assert_eq!(story.contains("the pictures are named and not shown in their places"), !shown, "{name}: {story}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_found_behind_several_redirects_that_see_no_credentials_and_behind_endless_ones_named() {
    for (hops, shown) in [(3, true), (9, false)] {
        let world = world(Product::Cloud, "").await;
        world.jira.configure(|settings| settings.media_hops = hops);
        take_in(&world, "far", "").await;
        let issue = world.jira.issues().remove(0);
        assert_eq!(is_shown(&issue, &issue.fields["description"], "far"), shown, "{hops}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_files_of_one_name_the_mails_own_is_shown() {
    let world = world(Product::Cloud, "").await;
    take_in(&world, "first", "").await;
    // Somebody else attaches a file of the same name before the mail's own is there.
    world.jira.add_fault(Fault::on("POST", "*/attachments", Effect::status(503, When::BeforeWrite)));
    world.inbox().deliver(&letter("twin", "In-Reply-To: <first@example.com>\r\n")).unwrap();
    let mut daemon = world.daemon();
    let sent = || world.jira.requests().iter().filter(|request| request.path.ends_with("/attachments")).count();
    world.until("the upload", async || sent() > 1).await;
    world.jira.attach("SUP-1", "twin.png");
    world.jira.heal();
    world.until("the end", async || world.left_in("support").await == 0).await;
    daemon.kill().await.unwrap();
    let issue = world.jira.issue("SUP-1").unwrap();
    assert!(is_shown(&issue, &issue.comments[0].body, "twin"), "{issue:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_has_made_of_a_text_meanwhile_is_kept() {
    let world = world(Product::Cloud, "").await;
    let busy = Effect::status(503, When::BeforeWrite);
    world.jira.add_fault(Fault::on("GET", "*/attachment/content/*", busy));
    world.inbox().deliver(&letter("edited", "")).unwrap();
    let mut daemon = world.daemon();
    let asked = || world.jira.requests().iter().any(|request| request.path.contains("/attachment/content/"));
    world.until("a question about the picture", async || asked()).await;
    let words = json!([{"type": "paragraph", "content": [{"type": "text", "text": "by a person"}]}]);
    let edited = json!({"type": "doc", "version": 1, "content": words});
    world.jira.describe("SUP-1", edited.clone());
    world.jira.heal();
    world.until("the end", async || world.left_in("support").await == 0).await;
    daemon.kill().await.unwrap();
    let issue = world.jira.issue("SUP-1").unwrap();
    assert_eq!((&issue.fields["description"], issue.attachments.len(), edits(&world)), (&edited, 1, 0));
}
