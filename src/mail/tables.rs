//! Tables of words as the text files beside the code hold them: a heading in brackets, words parted by `|`, and lines of `#` for
//! people. Knows nothing of what the words mean.

/// The words of one table, in their order. Empty where there is no such heading: a test of each file holds that there is.
pub(super) fn table(text: &'static str, heading: &str) -> Vec<&'static str> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let is_heading = |line: &&str| line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) == Some(heading);
    let lines = lines.skip_while(move |line| !is_heading(line)).skip(1).take_while(|line| !line.starts_with('['));
    lines.flat_map(|line| line.split('|')).map(str::trim).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::table;

    /// Holds that a file has so many tables, that none is empty, and that no word could never match or stands twice.
    pub(in crate::mail) fn assert_sound(text: &'static str, tables: usize) {
        let headings: Vec<&str> = text.lines().filter(|line| line.starts_with('[')).collect();
        assert_eq!(headings.len(), tables);
        for heading in headings {
            let words = table(text, heading.trim_matches(['[', ']']));
            assert!(!words.is_empty(), "{heading}");
            for (index, word) in words.iter().enumerate() {
                assert_eq!(*word, word.to_lowercase(), "{heading}");
                assert!(!words.iter().take(index).any(|earlier| earlier == word), "{heading} {word}");
            }
        }
    }
}
