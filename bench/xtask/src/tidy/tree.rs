//! The files that tidy looks at: what git tracks, and what it would track if one added it.
//! Text is read once; Rust files carry a second copy without comments and literals.

use std::collections::BTreeMap;
use std::path::Path;

use super::source;
use crate::failure::Failure;
use crate::process;

/// Every file by its path from the root, with `/` between its parts.
#[derive(Default)]
pub(super) struct Tree {
    /// Sorted, so that violations come in a stable order.
    pub(super) files: BTreeMap<String, File>,
}

/// One file.
pub(super) struct File {
    /// The text; empty for a file that is not UTF-8.
    pub(super) text: String,
    /// Of a Rust file the text with comments and literals blanked, byte for byte as long as `text`; else empty.
    pub(super) code: String,
}

impl Tree {
    /// Reads the work tree. Files that git still lists but that were deleted are left out.
    pub(super) fn read(root: &Path) -> Result<Self, Failure> {
        let arguments = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listing = process::output(root, "git".as_ref(), &arguments)?;
        let mut tree = Self::default();
        for path in listing.split('\0').filter(|path| !path.is_empty()) {
            let place = root.join(path);
            if !place.is_file() {
                continue;
            }
            let bytes = std::fs::read(&place).map_err(|error| Failure::new(format!("cannot read {path}: {error}")))?;
            let text = String::from_utf8(bytes).unwrap_or_default();
            tree.insert(path, text);
        }
        Ok(tree)
    }

    fn insert(&mut self, path: &str, text: String) {
        let code = if path.ends_with(".rs") { source::blanked(&text) } else { String::new() };
        self.files.insert(path.to_string(), File { text, code });
    }

    /// The Rust files with their paths.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&str, &File)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file)).filter(|(path, _)| path.ends_with(".rs"))
    }

    /// Whether a file or a folder of this path exists.
    pub(super) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&folder))
    }

    /// A tree from made-up files.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.insert(path, (*text).to_string());
        }
        tree
    }
}

/// Whether a path is an integration test, or data of one.
pub(super) fn is_below_tests(path: &str) -> bool {
    path.split('/').rev().skip(1).any(|part| part == "tests")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expect: bool) {
        let tree = Tree::of(&[("bench/engine/src/lib.rs", "")]);
        assert_eq!(tree.has(path), expect, "{path}");
    }

    #[test]
    fn files_and_folders_exist() {
        check("bench/engine/src/lib.rs", true);
        check("bench/engine/src", true);
        check("bench/", true);
        check("bench/eng", false);
        check("bench/engine/src/lib", false);
    }

    #[test]
    fn tests_are_told_by_their_folder() {
        assert!(is_below_tests("bench/cli/tests/cmd/run.toml"));
        assert!(!is_below_tests("bench/cli/src/tests"));
        assert!(!is_below_tests("bench/cli/src/tests.rs"));
    }
}
