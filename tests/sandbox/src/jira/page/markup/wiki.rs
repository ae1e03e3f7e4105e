//! Wiki markup as HTML, well enough to look at: blocks by the beginning of their lines, links, bold and italic words,
//! pictures by name. What it does not know stands there as it was written.

use super::{Markup, is_harmless};

/// The whole text.
pub(super) fn rich(text: &str) -> Markup {
    let mut markup = Markup::default();
    let mut paragraph = Vec::new();
    for line in text.lines().chain([""]) {
        let block = block(line);
        if line.trim().is_empty() || block.is_some() {
            end_paragraph(&mut markup, &mut paragraph);
        }
        match block {
            Some((open, close, rest)) => {
                markup.tag(open);
                inline(&mut markup, rest);
                markup.tag(close);
            }
            None if !line.trim().is_empty() => paragraph.push(line),
            None => {}
        }
    }
    markup
}

fn end_paragraph(markup: &mut Markup, lines: &mut Vec<&str>) {
    if lines.is_empty() {
        return;
    }
    markup.tag("<p>");
    for (index, line) in lines.drain(..).enumerate() {
        if index > 0 {
            markup.tag("<br>");
        }
        inline(markup, line);
    }
    markup.tag("</p>");
}

/// What the beginning of a line makes of it: the tags, and what stands between them.
fn block(line: &str) -> Option<(&'static str, &'static str, &str)> {
    let line = line.trim_start();
    if line == "----" {
        return Some(("<hr>", "", ""));
    }
    if let Some(rest) = ["h1. ", "h2. ", "h3. ", "h4. ", "h5. ", "h6. "].iter().find_map(|mark| line.strip_prefix(mark))
    {
        return Some(("<h4>", "</h4>", rest));
    }
    if let Some(rest) = line.strip_prefix("bq. ") {
        return Some(("<blockquote>", "</blockquote>", rest));
    }
    let bullets = line.trim_start_matches(['*', '#', '-']);
    let depth = line.len() - bullets.len();
    if (1..=6).contains(&depth) && bullets.starts_with(' ') {
        return Some(("<li>", "</li>", bullets.trim_start()));
    }
    if line.starts_with('|') && line.ends_with('|') && line.len() > 1 {
        return Some(("<table><tr><td>", "</td></tr></table>", line.trim_matches('|')));
    }
    ["{quote}", "{noformat}", "{code}", "{panel}"].contains(&line).then_some(("<hr>", "", ""))
}

/// Links and pictures; of the escapes, what people would see.
fn inline(markup: &mut Markup, text: &str) {
    let mut rest = text;
    let mut plain = String::new();
    while let Some(letter) = rest.chars().next() {
        let behind = rest.get(letter.len_utf8()..).unwrap_or_default();
        match letter {
            '\\' => {
                let escaped = behind.chars().next();
                plain.extend(escaped);
                rest = behind.get(escaped.map_or(0, char::len_utf8)..).unwrap_or_default();
                continue;
            }
            '&' => {
                let (shown, after) = entity(rest);
                plain.push_str(shown);
                rest = after;
                continue;
            }
            '[' | '!' => {
                let end = if letter == '[' { ']' } else { '!' };
                if let Some((inside, after)) = behind.split_once(end).filter(|(inside, _)| !inside.is_empty()) {
                    markup.text(&std::mem::take(&mut plain));
                    if letter == '[' {
                        link(markup, inside)
                    } else {
                        picture(markup, inside)
                    }
                    rest = after;
                    continue;
                }
                plain.push(letter);
            }
            _ => plain.push(letter),
        }
        rest = behind;
    }
    markup.text(&plain);
}

fn entity(text: &str) -> (&'static str, &str) {
    let known = [("&amp;", "&"), ("&#92;", "\\"), ("&#46;", "."), ("&lt;", "<"), ("&gt;", ">")];
    let found = known.into_iter().find_map(|(entity, shown)| Some((shown, text.strip_prefix(entity)?)));
    found.unwrap_or(("&", text.get(1..).unwrap_or_default()))
}

fn link(markup: &mut Markup, inside: &str) {
    let (shown, address) = inside.split_once('|').unwrap_or((inside, inside));
    if is_harmless(address) {
        markup.tag("<a rel=\"noreferrer\" href=\"").text(address).tag("\">").text(shown).tag("</a>");
    } else {
        markup.text(shown.trim_start_matches('^'));
    }
}

fn picture(markup: &mut Markup, inside: &str) {
    let name = inside.split('|').next().unwrap_or(inside);
    markup.tag("<em>").text(name).tag("</em>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_what_it_looks_like_and_nothing_else() {
        let html = |text: &str| rich(text).into_string();
        assert_eq!(html("a\nb\n\nc"), "<p>a<br>b</p><p>c</p>");
        assert_eq!(html("h2. Title\n* one"), "<h4>Title</h4><li>one</li>");
        assert_eq!(
            html("see [x|https://a.example/]"),
            "<p>see <a rel=\"noreferrer\" href=\"https://a.example/\">x</a></p>"
        );
        assert_eq!(html("\\[x\\] &amp; <b> &#92;"), "<p>[x] &amp; &lt;b&gt; \\</p>");
        assert_eq!(html("[x|javascript:alert(1)]!a.png|thumbnail!"), "<p>x<em>a.png</em></p>");
    }
}
