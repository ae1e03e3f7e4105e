//! Text and HTML as Jira's documents: valid whatever comes in, with every word, and nothing that means anything but itself.

use mail2jira::jira::Flavour;
use mail2jira::jira::document::{Fit, MAX_BYTES, MAX_TEXT, Page, Pictures, Rendered, Section, render};
use mail2jira::mail::parse;
use mail2jira::mail::rich::{
    Block, Cell, CellRole, Content, Document, Inline, Level, Link, List, Mark, Marks, Numbering, Picture, Span, Table,
};
use mail2jira::preview::preview;
use proptest::prelude::*;
use serde_json::Value;

use super::settings;

/// A page of nothing but a body.
fn page(body: &Document) -> Page<'_> {
    let (head, notes) = (Document::default(), Document::default());
    Page { head, body, sections: Vec::new(), notes, pictures: Pictures::default() }
}

fn adf_of(body: &Document) -> Value {
    render(&page(body), Flavour::Cloud).json.to_value()
}

pub(super) fn wiki_of(body: &Document) -> String {
    render(&page(body), Flavour::DataCenter).json.to_value().as_str().unwrap().to_owned()
}

/// What may stand in what, of the nodes that we write: where Jira and the schema of its format differ, the stricter.
fn allowed_in(container: &str) -> &'static [&'static str] {
    match container {
        "doc" => {
            &["paragraph", "heading", "bulletList", "orderedList", "codeBlock", "blockquote", "rule", "expand", "table"]
        }
        "expand" => &["paragraph", "heading", "bulletList", "orderedList", "codeBlock", "blockquote", "rule", "table"],
        "blockquote" | "listItem" => &["paragraph", "bulletList", "orderedList", "codeBlock"],
        "tableCell" | "tableHeader" => {
            &["paragraph", "heading", "bulletList", "orderedList", "codeBlock", "blockquote", "rule"]
        }
        "bulletList" | "orderedList" => &["listItem"],
        "table" => &["tableRow"],
        "tableRow" => &["tableCell", "tableHeader"],
        "paragraph" | "heading" => &["text", "hardBreak"],
        "codeBlock" => &["text"],
        _ => &[],
    }
}

/// All text in an Atlassian Document, and a check of what the schema and Jira demand of the nodes that we write.
fn text_of_valid_adf(node: &Value, text: &mut String) {
    let kind = node["type"].as_str().expect("type");
    let children: &[Value] = node["content"].as_array().map_or(&[], Vec::as_slice);
    match kind {
        "text" => return text.push_str(text_of_valid_node(node)),
        "hardBreak" => return text.push('\n'),
        "doc" => assert_eq!(node["version"], 1),
        "paragraph" | "rule" => {}
        "listItem" => assert_eq!(children[0]["type"], "paragraph", "{node}"),
        _ => assert!(!children.is_empty(), "{node}"),
    }
    for child in children {
        let child_kind = child["type"].as_str().unwrap();
        assert!(allowed_in(kind).contains(&child_kind), "{child_kind} in {kind}");
        assert!(kind != "codeBlock" || child["marks"].is_null());
        text_of_valid_adf(child, text);
    }
    if matches!(kind, "paragraph" | "heading" | "codeBlock") {
        text.push_str("\n\n");
    }
}

fn text_of_valid_node(node: &Value) -> &str {
    let written = node["text"].as_str().unwrap();
    assert!(!written.is_empty());
    assert!(written.chars().all(|c| c == '\t' || c == '\n' || !c.is_control()), "{written:?}");
    let marks: &[Value] = node["marks"].as_array().map_or(&[], Vec::as_slice);
    let is_code = marks.iter().any(|mark| mark["type"] == "code");
    for mark in marks {
        let kind = mark["type"].as_str().unwrap();
        assert!(!is_code || matches!(kind, "code" | "link"), "{kind} beside code");
        if let Some(href) = mark["attrs"]["href"].as_str() {
            let schemes = ["http:", "https:", "mailto:", "tel:", "ftp:"];
            assert!(schemes.iter().any(|scheme| href.to_ascii_lowercase().starts_with(scheme)), "{href:?}");
        }
    }
    written
}

#[test]
fn addresses_become_links_without_the_punctuation_around_them() {
    let links = |text: &str| {
        let adf = adf_of(&Document::from_text(text));
        let nodes = adf["content"][0]["content"].as_array().unwrap().clone();
        let href = |node: &Value| node["marks"][0]["attrs"]["href"].as_str().map(str::to_owned);
        nodes.iter().filter_map(href).collect::<Vec<_>>()
    };
    assert_eq!(
        links("see https://a.example/x?y=1&z=2, or (http://b.example/c_(d))."),
        ["https://a.example/x?y=1&z=2", "http://b.example/c_(d)"]
    );
    assert_eq!(
        links("<mailto:ann@example.com> xhttp://not.example https:// javascript:alert(1)"),
        ["mailto:ann@example.com"]
    );
}

#[test]
fn nothing_a_sender_writes_becomes_wiki_markup() {
    let wiki = wiki_of(&Document::from_text(
        "h1. no\nbq. no\n{code} [~admin] !x.png! *5* |a| \\ &#123;noformat} ----\nhttps://a.example/{x}|y]",
    ));
    let without_links = wiki.split("[https://").next().unwrap();
    let mut before = ' ';
    for c in without_links.chars() {
        assert!(!"{}[]!|*_-+^~?".contains(c) || before == '\\', "{c} in {wiki}");
        before = c;
    }
    assert!(wiki.starts_with("h1&#46; no\nbq&#46; no\n") && !wiki.contains("&#123;"), "{wiki}");
}

/// The schema of the Atlassian Document Format, from the file that `ADF_SCHEMA` names.
fn schema() -> Option<jsonschema::Validator> {
    let Some(path) = std::env::var_os("ADF_SCHEMA") else {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "ADF_SCHEMA is not set, but CI must check against it"
        );
        println!("skipped: ADF is not checked against its schema, since ADF_SCHEMA does not name it");
        return None;
    };
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    Some(jsonschema::draft4::new(&schema).unwrap())
}

#[test]
fn any_text_becomes_a_valid_document_that_keeps_every_word_or_says_that_it_was_cut() {
    let schema = schema();
    let pieces = prop_oneof![
        4 => any::<String>(),
        2 => "[a-z ]{0,2000}",
        1 => Just("\n\n".to_owned()),
        1 => Just("https://example.com/a(b)?c".to_owned()),
        1 => "[\\u{0}-\\u{1f}\"\\\\日😀\\u{ffff}]{0,3000}",
    ];
    let texts = proptest::collection::vec(pieces, 0..30).prop_map(|pieces| pieces.concat());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(128));
    runner
        .run(&texts, |text| {
            let whole = Document::from_text(&text);
            let note = Document::from_text("a note");
            let Rendered { json, body: fit, .. } = render(&Page { notes: note, ..page(&whole) }, Flavour::Cloud);
            let adf = json.to_value();
            let mut kept = String::new();
            text_of_valid_adf(&adf, &mut kept);
            let words = |text: &str| {
                let printable =
                    |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}') && !c.is_whitespace();
                text.chars().filter(printable).collect::<String>()
            };
            let all = words(&text) + "anote";
            prop_assert_eq!(fit == Fit::Whole, words(&kept) == all);
            prop_assert!(all.starts_with(words(&kept).strip_suffix("anote").unwrap()));
            prop_assert!(json.as_str().len() <= MAX_BYTES && kept.encode_utf16().count() <= MAX_TEXT);
            if let Some(schema) = &schema {
                prop_assert!(schema.is_valid(&adf), "{}", adf);
            }
            Ok(())
        })
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Bytes as they come, and pieces of mail in the wrong order.
    #[test]
    fn no_bytes_make_it_panic_and_names_are_always_safe(
        pieces in proptest::collection::vec(prop_oneof![
            3 => proptest::collection::vec(any::<u8>(), 0..200),
            2 => proptest::sample::select(vec![
                "Content-Type: multipart/mixed; boundary=x\r\n", "Content-Type: multipart/digest; boundary=\"x\"\n", "\r\n--x\r\n", "\n--x--\n",
                "\r\n\r\n", "Content-Type: message/rfc822\r\n", "Content-Transfer-Encoding: base64\r\n", "Content-Type: text/html; charset=utf-16\r\n",
                "Content-Disposition: attachment; filename*0*=utf-7''..%2f; filename*1=\"", "Subject: =?utf-8?Q?=C3?= =?x?B?", "From: \"a (b <c@d>, :;",
                "<head><!-- <script> &#xD800; &amp", "References: <<<>>><a@b", "Date: 99 Foo 0000 99:99:99 +9999",
            ]).prop_map(|text| text.as_bytes().to_vec()),
        ], 0..40)
    ) {
        let raw = pieces.concat();
        let mail = parse(&raw);
        let mut names = std::collections::HashSet::new();
        for file in &mail.attachments {
            prop_assert!(!file.name.is_empty() && file.name.len() <= 220 && !file.name.contains(['/', '\\', '\0', ':']));
            prop_assert!(names.insert(file.name.to_lowercase()), "{} twice", file.name);
        }
        let settings = settings();
        let shown = preview(&raw, &settings, &[]);
        text_of_valid_adf(&shown.adf, &mut String::new());
        prop_assert!(!shown.to_text().contains('\0'));
    }
}

/// Text with everything in it that markup or JSON gives a meaning to.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z ]{0,20}",
        1 => any::<String>(),
        1 => proptest::sample::select(vec![
            "{code}", "[~admin]", "!x.png!", "h1. x", "bq. y", ":-) ;) :P (/) (x) (on)", "* a", "||a||", "\\\\", "&#123;html}", "{noformat}\n{html}",
            "\u{2028}h2. z", "----", "a-b -c-", "\"\\\t\u{0}\u{ffff}", "??cite??", "{quote}", "> q", "#1 ^2^ ~3~",
        ]).prop_map(str::to_owned),
    ]
}

fn inlines() -> impl Strategy<Value = Vec<Inline>> {
    let marks = proptest::collection::vec(proptest::sample::select(Mark::ALL.to_vec()), 0..3)
        .prop_map(|marks| marks.into_iter().fold(Marks::default(), Marks::with));
    let link = proptest::option::weighted(0.2, Just(Link::parse("https://a.example/{x}|y]^~z?q=[1]!2!").unwrap()));
    let span = (words(), marks, link).prop_map(|(text, marks, link)| Inline::Text(Span { text, marks, link }));
    let picture = words().prop_map(|words| Inline::Picture(Picture { reference: "a@b".to_owned(), words }));
    proptest::collection::vec(prop_oneof![6 => span, 2 => Just(Inline::LineBreak), 1 => picture], 0..6)
}

/// Any tree at all, sensible or not.
fn blocks() -> impl Strategy<Value = Vec<Block>> {
    let leaf = prop_oneof![
        4 => inlines().prop_map(Content::Paragraph),
        1 => (1_u8..=6, inlines()).prop_map(|(level, inlines)| Content::Heading(Level::nearest(level), inlines)),
        1 => words().prop_map(Content::Code),
        1 => Just(Content::Rule),
    ];
    let tree = leaf.prop_map(Block::new).prop_recursive(5, 60, 5, |inner| {
        let blocks = || proptest::collection::vec(inner.clone(), 0..4);
        let numbering = prop_oneof![Just(Numbering::Bullets), (0_u32..9).prop_map(Numbering::From)];
        let role = prop_oneof![Just(CellRole::Header), Just(CellRole::Data)];
        let cell = (role, blocks()).prop_map(|(role, blocks)| Cell { role, blocks });
        let rows = proptest::collection::vec(proptest::collection::vec(cell, 0..3), 0..3);
        prop_oneof![
            blocks().prop_map(Content::Quote),
            (numbering, proptest::collection::vec(blocks(), 0..4))
                .prop_map(|(numbering, items)| Content::List(List { numbering, items })),
            rows.prop_map(|rows| Content::Table(Table { rows })),
        ]
        .prop_map(Block::new)
    });
    proptest::collection::vec(tree, 0..8)
}

#[test]
fn any_tree_becomes_a_valid_document_and_markup_within_the_limits() {
    let schema = schema();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(256));
    let trees = (blocks(), blocks(), 1_usize..40);
    runner
        .run(&trees, |(body, removed, times)| {
            let repeated = std::iter::repeat_n(body, times).flatten().collect();
            let (body, removed) = (Document { blocks: repeated }, Document { blocks: removed });
            let note = || Document::from_text("a note");
            let sections = vec![Section { title: "Quoted text", document: &removed }];
            let page = Page { head: note(), notes: note(), sections, ..page(&body) };
            let cloud = render(&page, Flavour::Cloud);
            let (adf, mut text) = (cloud.json.to_value(), String::new());
            text_of_valid_adf(&adf, &mut text);
            prop_assert!(cloud.json.as_str().len() <= MAX_BYTES);
            prop_assert!(text.ends_with("a note\n\n"));
            if let Some(schema) = &schema {
                prop_assert!(schema.is_valid(&adf), "{}", adf);
            }
            let center = render(&page, Flavour::DataCenter).json.to_value();
            let markup = center.as_str().unwrap();
            prop_assert!(markup.encode_utf16().count() <= MAX_BYTES && markup.ends_with("a note"), "{}", markup);
            only_our_markup(markup);
            Ok(())
        })
        .unwrap();
}

/// Whether what begins with a bracket is a link that leads somewhere, and no mention.
fn is_link(markup: &str) -> bool {
    let inside = markup.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or("", |(inside, _)| inside);
    let address = inside.rsplit('|').next().unwrap_or_default();
    ["https://", "mailto:"].iter().any(|scheme| address.starts_with(scheme))
}

/// Takes away what is written on purpose; of what is left nothing may mean anything.
fn only_our_markup(markup: &str) {
    let mut is_verbatim = false;
    for line in markup.lines() {
        if line == "{noformat}" {
            is_verbatim = !is_verbatim;
            continue;
        }
        if is_verbatim
            || matches!(line, "{quote}" | "{panel}" | "{panel:title=Quoted text}" | "{panel:title=Signature}" | "----")
        {
            continue;
        }
        let mut before = ' ';
        for (at, c) in line.char_indices() {
            let (_, rest) = line.split_at(at);
            let is_ours = before == '\\'
                || c == '{'
                    && ["{*}", "{_}", "{+}", "{-}", "{~}", "{^}", "{{"].iter().any(|ours| rest.starts_with(ours))
                || c == '{' && before == '{'
                || c == '[' && is_link(rest);
            assert!(c != '{' && c != '[' && c != '!' || is_ours, "{c} at {at} in {line:?}");
            before = if before == '\\' && c == '\\' { ' ' } else { c };
        }
    }
    assert!(!is_verbatim, "{markup}");
}

/// Pieces of pages, sensible or not.
const TAGS: &[&str] = &[
    "<p>",
    "</p>",
    "<div>",
    "</div>",
    "<br>",
    "<ul>",
    "<ol start=7>",
    "<li>",
    "</ul>",
    "<table border=1>",
    "<tr>",
    "<td colspan=3>",
    "<th>",
    "</table>",
    "<blockquote>",
    "</blockquote>",
    "<h2>",
    "</h2>",
    "<pre>",
    "</pre>",
    "<hr><b>",
    "</b>",
    "<code>",
    "<sub>",
    "<sup>",
    "<a href='https://a.example/'>",
    "<a href='javascript:x'>",
    "</a>",
    "<img src='cid:1@x' alt=a>",
    "<div style='display:none'>",
    "<p class=MsoListParagraph style='mso-list:l0 level2 lfo1'><span style='mso-list:Ignore'>1.</span>",
    "&nbsp;",
    "&#0;&#1;",
    "<!--",
    "-->",
    "<style>",
    "</style>",
    "<svg>",
    "<select>",
    "<template>",
    "<font color=red>",
    "<frameset>",
    "<a href='https://a.example/|]{x}!y!'>",
    "<a href='mailto:[~admin]@a.example'>",
    "<img src='cid:1@x' alt='!x.png! {html} [~admin]'>",
    "<span style='mso-list:Ignore'>{code}",
    "<dl><dt>",
    "<br id=lineBreakAtBeginningOfSignature>",
    "<div class=gmail_quote>",
];

#[test]
fn any_html_becomes_a_valid_document() {
    let schema = schema();
    let tags = proptest::sample::select(TAGS);
    let pieces =
        prop_oneof![4 => tags.prop_map(str::to_owned), 2 => "[a-z \n]{0,30}", 2 => words(), 1 => any::<String>()];
    let pages = proptest::collection::vec(pieces, 0..80).prop_map(|pieces| pieces.concat());
    proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(512))
        .run(&pages, |html| {
            let raw = [b"Content-Type: text/html; charset=utf-8\r\n\r\n", html.as_bytes()].concat();
            let shown = preview(&raw, &settings(), &[]);
            text_of_valid_adf(&shown.adf, &mut String::new());
            only_our_markup(&shown.wiki);
            if let Some(schema) = &schema {
                prop_assert!(schema.is_valid(&shown.adf), "{}", shown.adf);
            }
            Ok(())
        })
        .unwrap();
}
