//! The three parts of a message's text: what its sender wrote, what they quote, and their signature; in words, and with its
//! structure. Asks [`quotes`] whose words a line is. Nothing is left out: together the parts are all that was there.

use super::body::Words;
use super::quotes::{self, Line, Mark, Occasion, Voice};
use super::rich::{Block, Content, Document, Hint, Inline};
use super::{Body, Parts};

/// Divides a body of which all is in [`Body::text`] and [`Parts::written`].
pub(super) fn tell_apart(body: &mut Body, words: Words, occasion: Occasion) {
    if words == Words::Plain {
        (body.text, body.quoted, body.signature) = text(&body.text, occasion);
    }
    body.parts = match &body.html {
        Some(_) => tree(std::mem::take(&mut body.parts.written), occasion),
        None => Parts {
            written: Document::from_text(&body.text),
            quoted: Document::from_text(&body.quoted),
            signature: Document::from_text(&body.signature),
        },
    };
    if words == Words::Html {
        let Parts { written, quoted, signature } = &body.parts;
        (body.text, body.quoted, body.signature) = (written.text(), quoted.text(), signature.text());
    }
}

fn text(whole: &str, occasion: Occasion) -> (String, String, String) {
    let lines: Vec<Line<'_>> = quotes::lines(whole).collect();
    let voices = quotes::voices(&lines, occasion);
    let said_by = |voice| {
        let lines = lines.iter().zip(&voices).filter(|(_, of)| **of == voice).map(|(line, _)| line.text);
        without_blank_ends(&lines.collect::<Vec<_>>().join("\n"))
    };
    (said_by(Voice::New), said_by(Voice::Quoted), said_by(Voice::Signature))
}

/// Text without blank lines at its ends; the first line keeps its indentation.
fn without_blank_ends(text: &str) -> String {
    let text = text.trim_end();
    let indented = text.trim_start().len();
    let start = text.get(..text.len() - indented).and_then(|blank| blank.rfind('\n')).map_or(0, |at| at + 1);
    text.get(start..).unwrap_or(text).to_owned()
}

fn tree(document: Document, occasion: Occasion) -> Parts {
    let texts: Vec<(Mark, String)> = document.blocks.iter().map(|block| (mark(block.hint), block.text())).collect();
    // A blank line stands between blocks.
    let lines = texts.iter().flat_map(|(mark, text)| {
        let lines = text.split('\n').map(|text| Line { text, mark: *mark });
        lines.chain(std::iter::once(Line { text: "", mark: Mark::None }))
    });
    let voices = quotes::voices(&lines.collect::<Vec<_>>(), occasion);
    let mut parts = Parts::default();
    let mut rest = voices.as_slice();
    for (block, (_, text)) in document.blocks.into_iter().zip(&texts) {
        let length = text.split('\n').count();
        let (of_block, behind) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        rest = behind.get(1..).unwrap_or_default();
        divide(block, of_block, &mut parts);
    }
    parts
}

fn mark(hint: Option<Hint>) -> Mark {
    match hint {
        None => Mark::None,
        Some(Hint::Quoted) => Mark::Quote,
        Some(Hint::Attribution) => Mark::Attribution,
        Some(Hint::Signature) => Mark::Signature,
    }
}

/// Puts a block where its lines belong. Only paragraphs and code can be divided; of anything else the first line decides.
fn divide(block: Block, voices: &[Voice], parts: &mut Parts) {
    let first = voices.first().copied().unwrap_or(Voice::New);
    let hint = block.hint;
    if voices.iter().all(|voice| *voice == first) {
        return part(parts, first).blocks.push(block);
    }
    match block.content {
        Content::Paragraph(inlines) => {
            let lines = inlines.split(|inline| *inline == Inline::LineBreak).zip(voices);
            for (voice, lines) in runs(lines) {
                let inlines = lines.join(&Inline::LineBreak);
                part(parts, voice).blocks.push(Block { content: Content::Paragraph(inlines), hint });
            }
        }
        Content::Code(code) => {
            for (voice, lines) in runs(code.split('\n').zip(voices)) {
                part(parts, voice).blocks.push(Block { content: Content::Code(lines.join("\n")), hint });
            }
        }
        content @ (Content::Heading(..) | Content::List(_) | Content::Table(_) | Content::Quote(_) | Content::Rule) => {
            part(parts, first).blocks.push(Block { content, hint });
        }
    }
}

/// Lines that follow one another in the same voice.
fn runs<'v, T>(lines: impl Iterator<Item = (T, &'v Voice)>) -> Vec<(Voice, Vec<T>)> {
    let mut runs: Vec<(Voice, Vec<T>)> = Vec::new();
    for (line, voice) in lines {
        match runs.last_mut() {
            Some((last, lines)) if last == voice => lines.push(line),
            Some(_) | None => runs.push((*voice, vec![line])),
        }
    }
    runs
}

fn part(parts: &mut Parts, voice: Voice) -> &mut Document {
    match voice {
        Voice::New => &mut parts.written,
        Voice::Quoted => &mut parts.quoted,
        Voice::Signature => &mut parts.signature,
    }
}
