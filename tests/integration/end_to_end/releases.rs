//! Data Center 11.3, where it differs from 10.3, which every other scenario is about: the same mail, and no passwords.

use sandbox::jira::desk::SeenBy;
use sandbox::jira::faults::{Effect, Fault, When};
use sandbox::jira::site::{CommentProperties, Issue, Product, Release};

use super::ways_in::{BASIC, PAT, enter};
use super::world::{World, mail};

/// A mailbox in whose mail questions become requests, and notes are for agents.
const RULES: &str = "start = \"all\"\nauthserv_id = \"localhost\"\ncc = \"watchers\"\n\
    [[rule]]\nname = \"notes\"\nwhen.subject = \"note\"\nvisibility = \"internal\"\n\
    [[rule]]\nname = \"help\"\nwhen.subject = \"question\"\nproject = \"HELP\"\nrequest_type = \"ask a question\"\n\
    [[rule]]\nname = \"all\"\nreporter = \"sender\"\nlabels = [\"from mail\"]\npriority = \"High\"";

async fn jira_11(way: &str) -> World {
    let world = World::authorized_on(Product::DataCenter, "[limits]\nsettle = \"2s\"", RULES).await;
    world.jira.configure(|settings| settings.release = Release::Jira11);
    enter(&world, Product::DataCenter, way);
    world
}

/// A mail from somebody proved, with a picture in its text.
fn letter(token: &str, headers: &str) -> Vec<u8> {
    let proved = "Authentication-Results: localhost; dmarc=pass header.from=example.com\r\n";
    let headers = format!("{proved}{headers}Content-Type: multipart/related; boundary=b\r\n");
    let text = String::from_utf8(mail(token, &headers)).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let html = format!("<p>{}</p><img src=\"cid:p\">", body.trim());
    let picture = format!("Content-Type: image/png; name={token}.png\r\nContent-ID: <p>\r\n\r\nGIF89a of {token}");
    format!("{head}\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n{html}\r\n--b\r\n{picture}\r\n--b--\r\n").into_bytes()
}

fn about(world: &World, token: &str) -> Issue {
    world.jira.issues().into_iter().find(|issue| issue.summary.ends_with(token)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mail_can_become_it_becomes_on_jira_11_once_and_whole() {
    let world = jira_11(PAT).await;
    let tested = world.json(&["test-connection", "jira", "--json"]).await;
    assert!(tested["ok"] == true && tested.to_string().contains("Jira Data Center 11.3"), "{tested}");
    for path in ["*/issue", "*/servicedeskapi/request", "*/attachments", "*/request/*/attachment", "*/comment"] {
        world.jira.add_fault(Fault::on("POST", path, Effect::Cut { when: When::AfterWrite }).times(1));
    }
    for token in ["problem", "question"] {
        world.inbox().deliver(&letter(token, "")).unwrap();
    }
    world.clean_pass().await;
    // It tells neither who sees a comment, nor its properties unless they are asked for.
    world.jira.configure(|settings| settings.comment_properties = CommentProperties::NotListed);
    let answers = |token: &str| format!("In-Reply-To: <{token}@example.com>\r\n");
    world.inbox().deliver(&letter("more", &answers("problem"))).unwrap();
    world.inbox().deliver(&letter("note", &answers("question"))).unwrap();
    world.clean_pass().await;
    assert_eq!(world.jira.issues().len(), 2, "{}", world.jira.state());
    let (problem, question) = (about(&world, "problem"), about(&world, "question"));
    let text = problem.fields["description"].to_string();
    assert!(text.contains("problem-body") && text.contains("!problem.png|thumbnail!"), "{text}");
    assert!(problem.comments[0].body.to_string().contains("!more.png|thumbnail!"), "{:?}", problem.comments);
    assert_eq!((problem.comments.len(), problem.attachments.len(), question.attachments.len()), (1, 2, 2));
    let facts = question.request.as_ref().unwrap();
    let files = [("question.png".to_owned(), SeenBy::Customers), ("note.png".to_owned(), SeenBy::Agents)];
    assert_eq!((facts.files.as_slice(), problem.reporter == question.reporter), (&files[..], true));
    let note = question.comments.iter().find(|comment| comment.body.to_string().contains("note-body")).unwrap();
    assert!(note.properties.contains_key("sd.public.comment"), "{note:?}");
    assert_eq!(world.run(&["audit"]).await.status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_jira_11_does_not_take_holds_the_mail_and_a_token_is_named_as_the_way_out() {
    let world = jira_11(BASIC).await;
    world.inbox().deliver(&mail("held", "")).unwrap();
    assert_eq!(world.pass().await.status.code(), Some(1));
    let listed = world.json(&["messages", "list", "--json"]).await;
    assert!(listed["state"] != "quarantined" && world.jira.issues().is_empty(), "no message is to blame: {listed}");
    assert!(listed["reason"].as_str().unwrap().contains("[jira.auth.pat]"), "{listed}");
    let tested = world.json(&["test-connection", "jira", "--json"]).await;
    let stages = tested["targets"][0]["stages"].as_array().unwrap();
    let identity = stages.iter().find(|stage| stage["stage"] == "identity").unwrap();
    assert!(identity["cause"].to_string().contains("has been disabled"), "{identity}");
    assert!(identity["next"].to_string().contains("[jira.auth.pat]"), "{identity}");
    enter(&world, Product::DataCenter, PAT);
    world.clean_pass().await;
    assert_eq!(world.written("held-body"), 1);
}
