//! The program's own sources, for tests that hold house rules by reading them.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path below `src/`, its lines, and what of them is code outside tests.
pub struct Source {
    pub path: String,
    pub text: String,
    pub code: Vec<(usize, String)>,
}

/// Numbered lines without comments, up to the unit tests, which stand last in a file.
pub fn code_of(text: &str) -> Vec<(usize, String)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let code = lines.take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    code.filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number, line.to_owned()))
        .collect()
}

/// All of them; fails where they are not found.
pub fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    assert!(paths.len() > 20, "the sources are read from {}", root.display());
    paths.iter().map(|path| source(&root, path)).collect()
}

fn source(root: &Path, path: &Path) -> Source {
    let text = fs::read_to_string(path).expect("a readable source");
    Source {
        path: path.strip_prefix(root).expect("below src/").to_string_lossy().into_owned(),
        code: code_of(&text),
        text,
    }
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}
