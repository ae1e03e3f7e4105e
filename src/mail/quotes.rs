//! Whose words the lines of a text are: the sender's, quoted history, or a signature. Looks at lines as mail programs write
//! them, in any language of its tables; knows neither MIME nor HTML, and throws nothing away.
//!
//! A quote is known by what announces it (an attribution line, a block of header lines, a separator) or by its `>`. What
//! is announced and not marked reaches to the end; what is marked reaches as far as the marks. Answers between
//! quotes stay together with what they answer.

use std::ops::Range;

use passage::{Kind, Passage};

mod passage;
mod armor;
mod attribution;
mod dates;
mod header_block;
mod other_marks;
mod separator;
mod signature;
mod footer;
mod words;

/// Whose words a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// The sender wrote it for this message.
    New,
    /// The line was written before.
    Quoted,
    /// The sender's program or employer puts it under every message.
    Signature,
}

/// A line as a reader sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'t> {
    /// Without its line end.
    pub(super) text: &'t str,
    /// What its mark-up says.
    pub(super) mark: Mark,
}

/// What the mark-up around a line says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// The mark-up says nothing.
    None,
    /// It stands in what a mail program marks as quoted.
    Quote,
    /// It stands in what a mail program marks as the announcement of a quote.
    Attribution,
    /// It stands in what a mail program marks as a signature.
    Signature,
}

/// Why the message was written, as its header tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// The message answers nothing.
    Fresh,
    /// The message answers something.
    Answer,
    /// It passes something on, which is then not history but what the message is about.
    Forward,
}

impl<'t> Line<'t> {
    /// A line without mark-up.
    pub(super) fn plain(text: &'t str) -> Self {
        Self { text, mark: Mark::None }
    }

    /// Whether it is quoted by its mark-up or its `>`. Programs that keep mail in mbox files write `>From ` for `From `.
    fn is_quoted(&self) -> bool {
        let text = self.text.trim_start_matches([' ', '\u{a0}']);
        let is_marked = || !text.starts_with(">From ") && !separator::is_framed(text);
        self.mark == Mark::Quote || (text.as_bytes().first() == Some(&b'>') && is_marked())
    }

    fn is_blank(&self) -> bool {
        self.text.chars().all(is_invisible)
    }
}

/// White space, and the characters without any width that some programs leave in empty lines.
fn is_invisible(c: char) -> bool {
    let without_width = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{ad}');
    c.is_whitespace() || without_width
}

/// Lines that a quote must have which nothing announces: a `>` may also be a prompt or an ornament.
const UNANNOUNCED: usize = 3;

/// The lines of plain text. Yahoo's old web mail writes its attribution behind the last line of what was written, which makes
/// two of it: `yes, please--- On Wed, 4/4/12, Ann <ann@example.com> wrote:`.
pub(super) fn lines<'t>(text: &'t str) -> impl Iterator<Item = Line<'t>> {
    const BEHIND: &str = "--- On ";
    let is_yahoo = text.contains(BEHIND);
    let pieces = move |line: &'t str| {
        let split = is_yahoo.then(|| line.find(BEHIND)).flatten().and_then(|at| line.split_at_checked(at));
        let split = split.filter(|(first, _)| !first.is_empty() && !first.ends_with('-'));
        let (first, second) = split.map_or((line, None), |(first, second)| (first, Some(second)));
        std::iter::once(first).chain(second)
    };
    text.split('\n').flat_map(pieces).map(|text| Line { text, mark: Mark::None })
}

/// Whether a text holds the header of another mail, as Outlook puts it above what it quotes or passes on.
pub(super) fn holds_header(text: &str) -> bool {
    let lines: Vec<Line<'_>> = text.split('\n').map(Line::plain).collect();
    (0..lines.len()).any(|at| header_block::end(&lines, at, header_block::Trust::None).is_some())
}

/// Says of each line whose words it is. In time proportional to the text.
pub(super) fn voices(lines: &[Line<'_>], occasion: Occasion) -> Vec<Voice> {
    let mut voices = vec![Voice::New; lines.len()];
    let end = lines.iter().rposition(|line| !line.is_blank()).map_or(0, |at| at + 1);
    let lines = lines.get(..end).unwrap_or_default();
    let passages = passage::passages(lines, occasion);
    for (index, passage) in passages.iter().enumerate() {
        if passage.kind == Kind::Text && ends_before_history(&passages, index) {
            let start = passage.range.start + signature::start(passage.of(lines), index == 0);
            tell(&mut voices, start..passage.range.end, Voice::Signature);
        }
    }
    for (line, voice) in lines.iter().zip(&mut voices) {
        if line.mark == Mark::Signature {
            *voice = Voice::Signature;
        }
    }
    if occasion != Occasion::Forward {
        let answers = Answers::find(lines, &voices, &passages);
        for (index, passage) in passages.iter().enumerate() {
            if is_history(lines, &passages, index, occasion, &answers) {
                tell(&mut voices, passage.range.clone(), Voice::Quoted);
            }
        }
    }
    armor::tell(lines, &mut voices);
    if lines.iter().zip(&voices).all(|(line, voice)| *voice == Voice::Signature || line.is_blank()) {
        voices.fill(Voice::New); // a signature under nothing is what was written
    }
    voices
}

/// Where the sender's own words stand among the quotes.
struct Answers {
    /// The last passage in which there are any.
    last: Option<usize>,
    /// Whether more than one quote is answered in its place.
    inline: bool,
    /// The first announcement of a quote. What is quoted behind an answer is the rest of the same quote, down to its last line.
    announced: Option<usize>,
}

impl Answers {
    fn find(lines: &[Line<'_>], voices: &[Voice], passages: &[Passage]) -> Self {
        let says_something = |passage: &Passage| {
            let voices = voices.get(passage.range.clone()).unwrap_or_default();
            let mut lines = passage.of(lines).iter().zip(voices);
            passage.kind == Kind::Text && lines.any(|(line, voice)| *voice == Voice::New && !line.is_blank())
        };
        let answers: Vec<usize> = passages
            .iter()
            .enumerate()
            .filter(|(_, passage)| says_something(passage))
            .map(|(index, _)| index)
            .collect();
        let follows_quote = |index: &&usize| {
            index
                .checked_sub(1)
                .and_then(|before| passages.get(before))
                .is_some_and(|before| before.kind == Kind::Quote)
        };
        Self {
            last: answers.last().copied(),
            inline: answers.iter().filter(follows_quote).count() > 1,
            announced: passages.iter().position(|passage| passage.kind == Kind::Announcement),
        }
    }
}

fn is_history(lines: &[Line<'_>], passages: &[Passage], index: usize, occasion: Occasion, answers: &Answers) -> bool {
    let Some(passage) = passages.get(index) else { return false };
    match passage.kind {
        Kind::Text | Kind::Forwarded => return false,
        Kind::Announcement => return true,
        Kind::Quote => {}
    }
    let is_answered = answers.last.is_some_and(|last| index < last);
    if answers.inline && is_answered {
        return false;
    }
    if answers.announced.is_some_and(|first| first < index) || passage::announces_itself(passage.of(lines)) {
        return true;
    }
    let marked = passage.of(lines).iter().any(|line| line.mark == Mark::Quote);
    let long = passage.of(lines).iter().filter(|line| !line.is_blank()).count() >= UNANNOUNCED;
    let before = passage.range.start.checked_sub(1).and_then(|before| lines.get(before));
    let stands_apart = before.is_none_or(Line::is_blank);
    match occasion {
        Occasion::Fresh | Occasion::Forward => marked,
        Occasion::Answer => marked || long || index == 0 || (stands_apart && !is_answered),
    }
}

/// Whether what follows a passage is the end, or quotes to which the passage is no inline answer.
fn ends_before_history(passages: &[Passage], index: usize) -> bool {
    let rest = passages.get(index + 1..).unwrap_or_default();
    !rest.iter().skip_while(|passage| passage.kind != Kind::Text).any(|passage| passage.kind == Kind::Text)
        || rest.first().is_some_and(|next| next.kind == Kind::Announcement)
}

fn tell(voices: &mut [Voice], range: Range<usize>, voice: Voice) {
    voices.get_mut(range).unwrap_or_default().fill(voice);
}
