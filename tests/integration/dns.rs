//! Questions to name servers, sound and not.

use mail2jira::dns::Resolver;
use sandbox::dns::{Manners, NameServer};

const NAME: &str = "mail._domainkey.example.com";

#[tokio::test]
async fn a_record_of_several_strings_is_one_text_also_by_tcp_and_under_an_alias() {
    let names = NameServer::start().await.unwrap();
    let text = format!("v=DKIM1; p={}", "x".repeat(600));
    names.publish("key.example.net", &text);
    names.alias(NAME, "key.example.net");
    for manners in [Manners::Sound, Manners::CutShort] {
        names.behave(manners);
        let resolver = Resolver::asking(vec![names.address()]);
        assert_eq!(resolver.txt(NAME).await.unwrap(), std::slice::from_ref(&text), "{manners:?}");
    }
}

#[tokio::test]
async fn no_such_name_is_an_answer_and_a_fault_is_none() {
    let names = NameServer::start().await.unwrap();
    let resolver = Resolver::asking(vec![names.address()]);
    assert_eq!(resolver.txt(NAME).await, Some(vec![]));
    names.publish(NAME, "x");
    for manners in [Manners::Failing, Manners::Garbage, Manners::OnlyCutShort] {
        names.behave(manners);
        assert_eq!(resolver.txt(NAME).await, None, "{manners:?}");
    }
    assert_eq!(Resolver::asking(vec![]).txt(NAME).await, None);
}

#[tokio::test]
async fn the_next_server_is_asked_where_one_fails() {
    let (failing, sound) = (NameServer::start().await.unwrap(), NameServer::start().await.unwrap());
    failing.behave(Manners::Failing);
    sound.publish(NAME, "x");
    let nobody = ([127, 0, 0, 1], 1).into();
    let resolver = Resolver::asking(vec![nobody, failing.address(), sound.address()]);
    assert_eq!(resolver.txt(NAME).await.unwrap(), ["x"]);
    assert_eq!((failing.asked().len(), sound.asked().len()), (1, 1));
}
