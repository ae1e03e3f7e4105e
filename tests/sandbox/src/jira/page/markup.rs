//! HTML put together so that text cannot become markup, and ADF documents as HTML.

use serde_json::Value;

mod wiki;

/// Documents nest no deeper than this on the page.
const DEEPEST: usize = 40;

/// HTML; whatever was not written here goes through [`Markup::text`].
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    pub(super) fn raw(markup: &'static str) -> Self {
        Self(markup.to_owned())
    }

    /// Our own markup: only literals fit in.
    pub(super) fn tag(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Anybody's text, also inside an attribute.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for letter in text.chars() {
            match letter {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        self
    }

    pub(super) fn push(&mut self, other: &Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// An ADF document, or Data Center's wiki markup, as HTML. `name` is unlike that of every other document on the page.
pub(super) fn rich(document: &Value, name: &str) -> Markup {
    if let Some(text) = document.as_str() {
        return wiki::rich(text);
    }
    let mut writer = Writer { markup: Markup::default(), name, details: 0 };
    writer.children(document, 0);
    writer.markup
}

struct Writer<'a> {
    markup: Markup,
    name: &'a str,
    details: usize,
}

impl Writer<'_> {
    fn children(&mut self, node: &Value, depth: usize) {
        for child in node.get("content").and_then(Value::as_array).into_iter().flatten().filter(|_| depth < DEEPEST) {
            self.node(child, depth);
        }
    }

    fn node(&mut self, node: &Value, depth: usize) {
        let (open, close) = match node.get("type").and_then(Value::as_str).unwrap_or_default() {
            "text" => return self.marked(node),
            "hardBreak" => ("<br>", ""),
            "paragraph" => ("<p>", "</p>"),
            "heading" => ("<h4>", "</h4>"),
            "bulletList" | "taskList" => ("<ul>", "</ul>"),
            "orderedList" => ("<ol>", "</ol>"),
            "listItem" | "taskItem" => ("<li>", "</li>"),
            "blockquote" => ("<blockquote>", "</blockquote>"),
            "codeBlock" => ("<pre>", "</pre>"),
            "rule" => ("<hr>", ""),
            "panel" => ("<div class=\"panel\">", "</div>"),
            "table" => ("<table>", "</table>"),
            "tableRow" => ("<tr>", "</tr>"),
            "tableCell" => ("<td>", "</td>"),
            "tableHeader" => ("<th>", "</th>"),
            "expand" | "nestedExpand" => return self.details(node, depth),
            "media" | "mediaInline" => return self.named(node, "alt", "[picture]"),
            "mention" | "emoji" | "status" => return self.named(node, "text", "…"),
            "date" => return self.named(node, "timestamp", "…"),
            "inlineCard" | "blockCard" => return self.named(node, "url", "…"),
            _ => ("<div>", "</div>"),
        };
        self.markup.tag(open);
        self.children(node, depth + 1);
        self.markup.tag(close);
    }

    fn details(&mut self, node: &Value, depth: usize) {
        self.details += 1;
        let id = format!("d-{}-{}", self.name, self.details);
        self.markup.tag("<details id=\"").text(&id).tag("\"><summary>");
        self.named(node, "title", "more");
        self.markup.tag("</summary>");
        self.children(node, depth + 1);
        self.markup.tag("</details>");
    }

    fn named(&mut self, node: &Value, attribute: &str, otherwise: &str) {
        let value = node.get("attrs").and_then(|attrs| attrs.get(attribute)).and_then(Value::as_str);
        self.markup.text(value.filter(|value| !value.is_empty()).unwrap_or(otherwise));
    }

    fn marked(&mut self, node: &Value) {
        let marks = node.get("marks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let kinds: Vec<&str> = marks.iter().filter_map(|mark| mark.get("type").and_then(Value::as_str)).collect();
        let tags = [
            ("strong", "<strong>", "</strong>"),
            ("em", "<em>", "</em>"),
            ("strike", "<s>", "</s>"),
            ("underline", "<u>", "</u>"),
            ("code", "<code>", "</code>"),
        ];
        let link = marks.iter().find(|mark| mark.get("type").and_then(Value::as_str) == Some("link"));
        let address = link.and_then(|link| link.get("attrs")?.get("href")?.as_str()).filter(|href| is_harmless(href));
        if let Some(address) = address {
            self.markup.tag("<a rel=\"noreferrer\" href=\"").text(address).tag("\">");
        }
        let worn: Vec<_> = tags.iter().filter(|(kind, ..)| kinds.contains(kind)).collect();
        for (_, open, _) in &worn {
            self.markup.tag(open);
        }
        self.markup.text(node.get("text").and_then(Value::as_str).unwrap_or_default());
        for (_, _, close) in worn.iter().rev() {
            self.markup.tag(close);
        }
        if address.is_some() {
            self.markup.tag("</a>");
        }
    }
}

pub(super) fn is_harmless(address: &str) -> bool {
    let scheme = address.split(':').next().unwrap_or_default().to_ascii_lowercase();
    matches!(scheme.as_str(), "http" | "https" | "mailto")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_that_a_stranger_writes_becomes_markup() {
        let evil = "<script>alert(\"1\")</script>'&";
        let document = json!({"type": "doc", "version": 1, "content": [
            {"type": "paragraph", "content": [
                {"type": "text", "text": evil, "marks": [{"type": "link", "attrs": {"href": "javascript:alert(1)"}}]},
                {"type": "text", "text": "x", "marks": [{"type": "link", "attrs": {"href": "https://a/\"onclick=\""}}]},
                {"type": "mention", "attrs": {"id": "1", "text": evil}}]},
            {"type": "expand", "attrs": {"title": evil}, "content": [{"type": "paragraph"}]}]});
        let html = rich(&document, evil).into_string();
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("javascript:"), "{html}");
        assert!(!html.contains("\"onclick"), "{html}");
        assert_eq!(html.matches("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;").count(), 4, "{html}");
    }

    #[test]
    fn marks_and_blocks_become_what_they_look_like() {
        let document = json!({"type": "doc", "version": 1, "content": [{"type": "bulletList", "content": [
            {"type": "listItem", "content": [{"type": "paragraph", "content": [
                {"type": "text", "text": "a", "marks": [{"type": "strong"}, {"type": "em"}]}]}]}]}]});
        assert_eq!(rich(&document, "").into_string(), "<ul><li><p><strong><em>a</em></strong></p></li></ul>");
    }
}
