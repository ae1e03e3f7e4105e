//! Text within wiki markup that means nothing but itself: no macro, no mention, no link or picture of the sender's, no smiley.
//!
//! Where a backslash is sure to take the meaning away, it does. A backslash itself cannot be escaped by another (two make a
//! line break), so that it, the sign that begins an entity, and whatever ends a construct that we write around it, are
//! written as entities.

use crate::mail::rich::is_printable;

/// A line in the making.
pub(super) struct Line<'t> {
    markup: &'t mut String,
    start: usize,
}

impl<'t> Line<'t> {
    /// A line that begins at the end of the markup.
    pub(super) fn begin(markup: &'t mut String) -> Self {
        let start = markup.len();
        Self { markup, start }
    }

    /// Text as it stands in a message.
    pub(super) fn text(&mut self, text: &str) {
        let mut rest = printable(text).peekable();
        let mut before = self.markup.chars().next_back().unwrap_or(' ');
        while let Some(c) = rest.next() {
            let next = rest.peek().copied();
            let in_word = before.is_alphanumeric() && next.is_some_and(char::is_alphanumeric);
            match c {
                '-' if in_word => self.markup.push('-'), // or `SUP-7` would not become a link to that issue
                '\\' | '&' | '|' => self.entity(c),
                '{' | '}' | '[' | ']' | '!' | '*' | '_' | '-' | '+' | '^' | '~' | '?' | '#' => {
                    self.markup.push('\\');
                    self.markup.push(c);
                }
                _ if self.ends_smiley(c) => self.entity(c),
                '(' if is_sign(rest.clone()) => self.entity(c),
                _ => self.markup.push(c),
            }
            before = c;
        }
    }

    /// Markup of ours.
    pub(super) fn markup(&mut self, markup: &str) {
        self.markup.push_str(markup);
    }

    /// A link; its words hold no sign that could end it.
    pub(super) fn link(&mut self, words: &str, address: &str) {
        self.markup.push('[');
        if words != address {
            for c in printable(words) {
                if c.is_alphanumeric() || matches!(c, ' ' | ',' | '.' | '\'' | '"' | '/' | '=' | '@') {
                    self.markup.push(c);
                } else {
                    self.entity(c);
                }
            }
            self.markup.push('|');
        }
        for c in printable(address) {
            match c {
                '[' | ']' | '{' | '}' | '|' | '\\' | '^' | '!' | '"' | '<' | '>' => {
                    self.markup.push_str(&format!("%{:02X}", u32::from(c)));
                }
                ' ' => self.markup.push_str("%20"),
                _ => self.markup.push(c),
            }
        }
        self.markup.push(']');
    }

    /// A picture that is attached by this name.
    pub(super) fn picture(&mut self, name: &str) {
        // In a name that holds one of these the markup would end early.
        if name.contains(['!', '|', '{', '}', '\\', '\n']) {
            return self.text(name);
        }
        self.markup.push('!');
        self.markup.push_str(name);
        self.markup.push_str("|thumbnail!");
    }

    /// Whether marks that stand here count.
    pub(super) fn is_between_words(&self) -> bool {
        let before = self.markup.get(self.start..).and_then(|line| line.chars().next_back());
        before.is_none_or(|before| before.is_whitespace() || before == '(')
    }

    /// Headings and quotes are marked at the beginning of a line, and mean nothing elsewhere.
    pub(super) fn end(self) {
        let line = self.markup.get(self.start..).unwrap_or_default();
        let begin = line.trim_start();
        let is_marked = ["h1.", "h2.", "h3.", "h4.", "h5.", "h6.", "bq."].iter().any(|mark| begin.starts_with(mark));
        if is_marked {
            let escaped = line.replacen('.', "&#46;", 1);
            self.markup.truncate(self.start);
            self.markup.push_str(&escaped);
        }
    }

    /// `:)`, `;-)`, `:P` and the like; an entity ends in a semicolon too.
    fn ends_smiley(&self, c: char) -> bool {
        let before = self.markup.chars().next_back().unwrap_or(' ');
        match c {
            ')' | '(' => matches!(before, ':' | ';' | '-'),
            'P' | 'p' | 'D' | 'd' => before == ':',
            _ => false,
        }
    }

    fn entity(&mut self, c: char) {
        self.markup.push_str(&format!("&#{};", u32::from(c)));
    }
}

/// What follows a bracket in `(y)`, `(/)`, `(flagoff)`: Jira shows a small picture for them.
fn is_sign(mut behind: impl Iterator<Item = char>) -> bool {
    let end = behind.by_ref().take(8).find(|c| !(c.is_ascii_alphanumeric() || *c == '/'));
    end == Some(')')
}

/// What of a text may stand in a line: whatever could end one becomes a space.
pub(super) fn printable(text: &str) -> impl Iterator<Item = char> + Clone {
    text.chars().filter(|&c| c == '\n' || is_printable(c)).map(|c| match c {
        '\n' | '\u{2028}' | '\u{2029}' => ' ',
        _ => c,
    })
}
