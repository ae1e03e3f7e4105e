//! Text that is longer than Jira takes.

use super::PRODUCTS;
use super::world::{World, mail};

/// A table of which every row can be told from the others.
fn table(rows: usize) -> String {
    let rows: String = (0..rows).map(|row| format!("<tr><td>row{row}from</td><td>row{row}to</td></tr>")).collect();
    format!("<p>Before the table.</p><table border=1>{rows}</table><p>Behind the table.</p>")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_longer_than_jira_takes_ends_with_a_whole_row_and_the_whole_mail_is_attached() {
    for product in PRODUCTS {
        let world = World::authorized_on(product, "", "start = \"all\"").await;
        let plain = String::from_utf8(mail("long", "MIME-Version: 1.0\r\nContent-Type: text/html\r\n")).unwrap();
        let (header, _) = plain.split_once("\r\n\r\n").unwrap();
        let raw = format!("{header}\r\n\r\n{}\r\n", table(3_000).replace("</tr>", "</tr>\r\n"));
        world.inbox().deliver(raw.as_bytes()).unwrap();
        let output = world.pass().await;
        assert!(output.status.success(), "{output:?}");
        let issue = world.jira.issues().remove(0);
        let text = issue.fields["description"].to_string();
        let count = |of: &str| text.matches(of).count();
        let shown = (0..3_000).take_while(|row| count(&format!("row{row}from")) == 1).count();
        assert!((50..2_999).contains(&shown), "{shown} rows on {product:?}");
        assert_eq!(count(&format!("row{}to", shown - 1)), 1, "the last row is whole");
        assert_eq!(count("row"), 2 * shown, "and nothing stands behind it");
        assert!(text.contains("Before the table.") && !text.contains("Behind the table."));
        assert!(text.contains("too long") && text.contains("about long.eml"), "{text}");
        let [file] = issue.attachments.as_slice() else { panic!("{} attachments", issue.attachments.len()) };
        assert_eq!((file.name.as_str(), file.content.len()), ("about long.eml", raw.len()), "{product:?}");
    }
}
