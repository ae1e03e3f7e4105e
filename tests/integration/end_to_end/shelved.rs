//! An open issue that takes no comment of ours: whether it alone does not, or we are out of our rights.

use sandbox::dovecot::Flag;
use sandbox::jira::site::{Shelf, Status};

use super::PRODUCTS;
use super::replies::{FIRST, reply, world};
use super::world::{World, mail};

fn shelve(world: &World, key: &str, shelf: Shelf) {
    world.jira.configure(|settings| settings.shelved.extend([(key.to_owned(), shelf)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_issue_alone_does_not_take_goes_on_in_one_that_is_linked_to_it() {
    type Trouble = fn(&World);
    let troubles: [(&str, Trouble); 4] = [
        ("takes no more comments", |world| shelve(world, "SUP-1", Shelf::Archived)),
        ("takes no more comments.", |world| shelve(world, "SUP-1", Shelf::Quiet)),
        ("takes no more comments", |world| {
            shelve(world, "SUP", Shelf::Archived);
            world.write_config(&world.config_text().replace("project = \"SUP\"", "project = \"OPS\""));
        }),
        ("is gone", |world| shelve(world, "SUP-1", Shelf::Hidden)),
    ];
    for product in PRODUCTS {
        for (why, trouble) in troubles {
            let world = world(product, "").await;
            trouble(&world);
            reply(&world, "second", FIRST).await;
            let issues = world.jira.issues();
            assert_eq!((issues.len(), issues[0].comments.len()), (2, 0), "{why}: {}", world.jira.state());
            let text = issues[1].fields["description"].to_string();
            assert!(text.contains(&format!("Goes on from SUP-1, which {why}")), "{why}: {text}");
            assert!(text.contains("second-body"), "{text}");
            assert_eq!(issues[1].links.len(), usize::from(why != "is gone"), "{why}");
            reply(&world, "third", FIRST).await;
            assert_eq!(world.jira.issues()[1].comments.len(), 1, "{why}: {}", world.jira.state());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_to_comment_that_is_lost_holds_replies_until_it_is_back_and_they_arrive_as_they_are() {
    for product in PRODUCTS {
        for finished in [false, true] {
            let world = world(product, "").await;
            if finished {
                world.jira.set_status("SUP-1", Status::Done);
            }
            world.jira.configure(|settings| settings.denied.extend(["ADD_COMMENTS".to_owned()]));
            world.inbox().deliver(&mail("second", FIRST)).unwrap();
            assert_eq!(world.pass().await.status.code(), Some(1), "a person is needed");
            let listed = world.json(&["messages", "list", "--json", "--state", "deferred"]).await;
            assert!(listed["reason"].as_str().unwrap().contains("permission to comment"), "{listed}");
            assert_eq!(world.jira.issues().len(), 1, "no message is to blame");
            world.jira.configure(|settings| settings.denied.clear());
            assert!(world.run(&["messages", "retry", &listed["id"].to_string()]).await.status.success());
            assert!(world.pass().await.status.success());
            let issues = world.jira.issues();
            assert_eq!((issues.len(), issues[0].comments.len()), (1, 1));
            assert!(world.inbox().mails().unwrap().iter().all(|mail| mail.has(Flag::Seen)));
            let story = world.json(&["messages", "show", &listed["id"].to_string(), "--json"]).await.to_string();
            assert!(!story.contains("without formatting"), "{story}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_for_some_on_an_issue_that_takes_none_is_shown_to_nobody_else() {
    for product in PRODUCTS {
        let world = world(product, "[[rule]]\nname = \"notes\"\nvisibility = \"internal\"").await;
        shelve(&world, "SUP-1", Shelf::Archived);
        world.inbox().deliver(&mail("second", FIRST)).unwrap();
        assert_eq!(world.pass().await.status.code(), Some(1), "a person is needed");
        let listed = world.json(&["messages", "list", "--json", "--state", "quarantined"]).await;
        assert!(listed["reason"].as_str().unwrap().contains("archived issue"), "{listed}");
        assert_eq!(world.written("second-body"), 0, "{}", world.jira.state());
    }
}
