//! The document that an HTML part shows: what a reader would see of it, without anything that is hidden, that is fetched from
//! elsewhere, or that does something. In reading order: `dom` parses, `build` goes through the elements and asks `role` what
//! they are, `look` what they look like, `clients` what a mail program meant by them; text goes into `flow`, and blocks
//! into `frames`.

use super::Complaint;
use super::rich::Document;

mod build;
mod frames;
mod role;
mod look;
mod clients;
mod flow;
mod table;
mod picture;
mod dom;
mod flood;

use dom::Dom;

/// Bytes of HTML that are parsed; what people write is far smaller.
const MAX_BYTES: usize = 512 << 10;

/// What HTML shows. Where it is too large or nests too deep to be parsed, its words alone. `locations` are the addresses
/// (`Content-Location`) of pictures that came with the message.
pub(super) fn document(html: &str, locations: &[&str], complaints: &mut Vec<Complaint>) -> Document {
    let parsed = Some(html).filter(|html| html.len() <= MAX_BYTES).and_then(Dom::parse);
    let Some(dom) = parsed else {
        let (text, extent) = flood::text(html);
        complaints.push(Complaint::incomplete(match extent {
            flood::Extent::All => "its HTML is too large or too deep: its words are shown without their formatting",
            flood::Extent::Beginning => "its HTML is larger than 4 MiB: the rest is not shown",
        }));
        return Document::from_text(&text);
    };
    let document = build::document(&dom, locations);
    if !document.is_empty() {
        return document;
    }
    // A head that was never closed has swallowed everything.
    body(html).and_then(Dom::parse).map(|dom| build::document(&dom, locations)).unwrap_or_default()
}

fn body(html: &str) -> Option<&str> {
    let at = html.to_ascii_lowercase().find("<body")?;
    html.get(at..)
}

#[cfg(test)]
mod tests {
    use super::super::rich::{Block, Content, Hint, Inline, Mark, Numbering};
    use super::*;

    /// A document in one line: what its tests compare.
    fn shown(html: &str) -> String {
        let mut complaints = Vec::new();
        let document = document(html, &[], &mut complaints);
        assert_eq!(complaints, []);
        blocks(&document.blocks)
    }

    fn blocks(blocks: &[Block]) -> String {
        blocks.iter().map(block).collect::<Vec<_>>().join(" ")
    }

    fn block(block: &Block) -> String {
        let hint = match block.hint {
            None => "",
            Some(Hint::Quoted) => "quoted:",
            Some(Hint::Attribution) => "attribution:",
            Some(Hint::Signature) => "signature:",
        };
        let content = match &block.content {
            Content::Paragraph(line) => format!("p({})", inlines(line)),
            Content::Heading(level, line) => format!("h{}({})", level.get(), inlines(line)),
            Content::List(list) => {
                let name = match list.numbering {
                    Numbering::Bullets => "ul".to_owned(),
                    Numbering::From(first) => format!("ol{first}"),
                };
                format!("{name}({})", list.items.iter().map(|item| blocks(item)).collect::<Vec<_>>().join(" | "))
            }
            Content::Table(table) => {
                let row = |row: &Vec<super::super::rich::Cell>| {
                    row.iter().map(|cell| blocks(&cell.blocks)).collect::<Vec<_>>().join(" | ")
                };
                format!("table({})", table.rows.iter().map(row).collect::<Vec<_>>().join(" / "))
            }
            Content::Code(code) => format!("code({code})"),
            Content::Quote(inner) => format!("quote({})", blocks(inner)),
            Content::Rule => "rule".to_owned(),
        };
        format!("{hint}{content}")
    }

    fn inlines(line: &[Inline]) -> String {
        let inline = |inline: &Inline| match inline {
            Inline::Text(span) => {
                let marks: String = Mark::ALL
                    .into_iter()
                    .zip("*_+-`,^".chars())
                    .filter_map(|(mark, sign)| span.marks.has(mark).then_some(sign))
                    .collect();
                let link = span.link.as_ref().map(|link| format!("<{}>", link.as_str())).unwrap_or_default();
                format!("{marks}{}{link}{marks}", span.text)
            }
            Inline::LineBreak => "/".to_owned(),
            Inline::Picture(picture) => format!("![{}|{}]", picture.reference, picture.words),
        };
        line.iter().map(inline).collect()
    }

    #[test]
    fn lines_and_paragraphs_are_what_one_sees_however_they_are_written() {
        let expected = "p(a/b) p(c)";
        for html in [
            "<p>a<br>b</p>\n<p>&nbsp;</p><p>c</p>",
            "a<br>b<br><br><br>c",
            "<div dir=ltr>a<div>b</div><div><br></div><div>c<br></div></div>",
            "<p class=MsoNormal>a<o:p></o:p></p>\r\n<p class=MsoNormal>b</p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>c</p>",
            "<p style='margin:0'>a</p><p style='margin:0'>b</p><p style='margin:0'><br></p><p style='margin:0'>c</p>",
            "<pre class=moz-quote-pre wrap>a\nb\n\nc\n</pre>",
            "<div style='white-space:pre-wrap'>a\nb\n\nc</div>",
            "<table><tr><td>a<br>b</td></tr><tr><td><p>c</td></tr></table>",
        ] {
            assert_eq!(shown(html), expected, "{html}");
        }
        assert_eq!(
            shown("<p> a\n <b> b</b>c <i>d </i><a href='https://x.example/'> e</a> f</p>"),
            "p(a *b*c _d_ e<https://x.example/> f)"
        );
    }

    #[test]
    fn structure_survives() {
        assert_eq!(
            shown(
                "<h2><b>T</b></h2><ul><li>a<ol start=3><li><p>b<p>c</ol><li>d</ul><pre>x\n  y\n</pre><hr><blockquote>q</blockquote>"
            ),
            "h2(T) ul(p(a) ol3(p(b) p(c)) | p(d)) code(x\n  y) rule quote(p(q))"
        );
        assert_eq!(shown("<ul><li>a</li><ul><li>b</li></ul></ul>"), "ul(p(a) ul(p(b)))");
        assert_eq!(
            shown(
                "<b>a<i>b</b>c</i> <u>d</u><s>e</s><code>f</code><sub>g</sub><sup>h</sup> <b style='font-weight:normal'>i</b>"
            ),
            "p(*a**_b*__c_ +d+-e-`f`,g,^h^ i)"
        );
    }

    #[test]
    fn only_tables_of_data_stay_tables() {
        assert_eq!(shown("<table><tr><th>a<th>b<tr><td>1<td>2</table>"), "table(p(a) | p(b) / p(1) | p(2))");
        assert_eq!(
            shown("<table border=1><tr><td colspan=2>a<td rowspan=2>x<tr><td>b<td><p>c<p>d</table>"),
            "table(p(a) |  | p(x) / p(b) | p(c) p(d) | )"
        );
        let inner = "<table><tr><td style='border:solid windowtext 1.0pt'>1</td><td>2</td></tr></table>";
        assert_eq!(
            shown(&format!("<table><tr><td>a</td><td>{inner}</td></tr><tr><td>b</td><td></td></tr></table>")),
            "p(a) table(p(1) | p(2)) p(b)"
        );
        assert_eq!(
            shown("<table role=presentation border=1><tr><td>Sum:<td>5<tr><td>Tax:<td>1</table>"),
            "p(Sum: 5) p(Tax: 1)"
        );
    }

    #[test]
    fn lists_that_word_writes_as_paragraphs_are_lists() {
        let item = |level: u8, sign: &str, text: &str| {
            format!(
                "<p class=MsoListParagraph style='text-indent:-.25in;mso-list:l0 level{level} lfo1'><![if !supportLists]><span \
                 style='font-family:Symbol'><span style='mso-list:Ignore'>{sign}<span style='font:7.0pt'>&nbsp;&nbsp; </span></span>\
                 </span><![endif]>{text}<o:p></o:p></p>\n"
            )
        };
        let html = format!(
            "<div class=WordSection1><p class=MsoNormal>x</p>{}{}{}{}<p class=MsoNormal>y</p></div>",
            item(1, "·", "a"),
            item(2, "1.", "b"),
            item(2, "2.", "<b>c</b>"),
            item(1, "·", "d")
        );
        assert_eq!(shown(&html), "p(x) ul(p(a) ol1(p(b) | p(*c*)) | p(d)) p(y)");
    }

    #[test]
    fn what_is_hidden_fetched_or_does_something_is_gone() {
        assert_eq!(
            shown(
                "<head><title>no</title><style>p{}</style></head><body><div style='display:none;max-height:0'>pre</div><!-- no -->\
                 <div style='max-height:0px;overflow:hidden'>no</div><p hidden>no</p><script>no()</script>\
                 <img src='https://t.example/1.gif' width=1 height=1 alt='seen'><img src='https://a.example/l.png' alt='Logo'>\
                 <img src='https://a.example/e.png' alt='😀'> <a href='javascript:no()'>x</a>\u{200b}\u{ad}y <a href='/z'>z</a></body>"
            ),
            "p(😀 xy z)"
        );
        assert_eq!(
            shown("see <img src='cid:a@b' alt=shot> and <img src='image001.png'>"),
            "p(see ![a@b|shot] and ![image001.png|])"
        );
    }

    #[test]
    fn where_a_link_to_a_file_leads_is_put_into_words() {
        for (html, expected) in [
            (
                r"see <a href='file:///\\srv\plans\a.doc'><b>the</b> plan</a>.",
                r"p(see *the* plan (\\srv\plans\a.doc).)",
            ),
            (r"see <a href='\\srv\plans'>here</a>", r"p(see here (\\srv\plans))"),
            ("see <a href='FILE:///C:/a.txt'>C:/a.txt</a>", "p(see C:/a.txt)"),
            ("see <a href='file:no'>here</a> <a href='file:///x'></a>", "p(see here)"),
        ] {
            assert_eq!(shown(html), expected);
        }
    }

    #[test]
    fn what_mail_programs_put_around_old_text_is_known() {
        for (html, expected) in [
            (
                "new<div class='gmail_quote'><div class='gmail_attr'>On … wrote:<br></div><blockquote class='gmail_quote'>old</blockquote></div>",
                "p(new) attribution:p(On … wrote:) quoted:quote(quoted:p(old))",
            ),
            (
                "<div>new</div><div class=x_gmail_signature>Ann</div><hr><div id=divRplyFwdMsg><b>From:</b> Bob</div>",
                "p(new) signature:p(Ann) rule attribution:p(*From:* Bob)",
            ),
            (
                "<p class=MsoNormal>new</p><div style='border:none;border-top:solid #E1E1E1 1.0pt'><p class=MsoNormal>From: Bob</p></div>",
                "p(new) attribution:p(From: Bob)",
            ),
            (
                "<blockquote type=cite>old<div class=moz-signature>Bob</div></blockquote><pre class=moz-signature>-- \nAnn</pre>",
                "quoted:quote(quoted:p(old/Bob)) signature:p(--/Ann)",
            ),
            ("a<blockquote style='margin:0 0 0 40px;border:none;padding:0px'>b</blockquote>", "p(a/b)"),
        ] {
            assert_eq!(shown(html), expected);
        }
    }

    #[test]
    fn an_unclosed_head_does_not_swallow_the_body() {
        assert_eq!(shown("<html><head><title>x<body><p>seen</p>"), "p(seen)");
    }

    #[test]
    fn floods_of_tags_are_shown_as_words_and_said() {
        let formatting: String = (0..250).map(|n| format!("<font size={n}>")).collect();
        for html in [
            "<div>".repeat(20_000) + "deep",
            "<b><i>".repeat(10_000) + "deep",
            "<table><tr><td>".repeat(5_000) + "deep",
            "<p>deep".repeat(100_000),
            format!("<p>{formatting}</p>") + &"<p>deep".repeat(5_000),
        ] {
            let mut complaints = Vec::new();
            let document = document(&html, &[], &mut complaints);
            assert!(document.text().contains("deep"));
            assert_eq!(complaints.len(), 1);
        }
        let mut complaints = Vec::new();
        assert!(document(&"<div>".repeat(1_000_000), &[], &mut complaints).is_empty());
        assert_eq!(complaints.len(), 1);
    }

    #[test]
    fn lists_and_quotes_nest_only_as_deep_as_people_read() {
        let text = shown(&("<ul><li>".repeat(100) + "deep"));
        assert!(text.contains("p(deep)") && text.matches("ul(").count() < 24, "{text}");
    }
}
