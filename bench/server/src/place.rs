//! Names that come from outside, and what they may name: a run under the runs' folder, a file in a run's.
//!
//! Nothing here is opened; what is named lies where it should or is not named at all.

use std::path::{Component, Path, PathBuf};

/// Whether a text is the id of a run: letters, digits and hyphens.
#[must_use]
pub fn is_run_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 128 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// The folder of a run, if there is one.
pub(crate) fn run(runs: &Path, id: &str) -> Option<PathBuf> {
    let folder = runs.join(id);
    (is_run_id(id) && folder.join("record.mcap").is_file()).then_some(folder)
}

/// A file in a folder by its name from there, if it is one and links lead nowhere else.
pub(crate) fn file(folder: &Path, name: &str) -> Option<PathBuf> {
    let plain = |component: Component<'_>| matches!(component, Component::Normal(_));
    if name.is_empty() || name.contains('\0') || !Path::new(name).components().all(plain) {
        return None;
    }
    let (folder, path) = (folder.canonicalize().ok()?, folder.join(name).canonicalize().ok()?);
    (path.starts_with(&folder) && path.is_file()).then_some(path)
}

/// The name under which an uploaded scenario is kept: the last part of what its sender calls it, made harmless.
pub(crate) fn scenario(name: &str) -> String {
    let stem = Path::new(name).file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    let kept: String =
        stem.chars().take(64).map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' }).collect();
    let kept = kept.trim_matches('-');
    format!("{}.yaml", if kept.is_empty() { "scenario" } else { kept })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_elsewhere_has_no_name() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("run");
        std::fs::create_dir_all(folder.join("plots")).expect("a folder");
        std::fs::write(root.path().join("secret"), "x").expect("a file");
        std::fs::write(folder.join("plots/a.svg"), "x").expect("a file");
        std::os::unix::fs::symlink(root.path().join("secret"), folder.join("link")).expect("a link");
        assert!(file(&folder, "plots/a.svg").is_some());
        for name in
            ["", ".", "..", "../secret", "plots/../../secret", "/etc/passwd", "link", "plots", "a\0", "./plots/a.svg"]
        {
            assert_eq!(file(&folder, name), None, "{name}");
        }
        for id in ["", "..", "a/b", "a b", "ä", &"x".repeat(200)] {
            assert!(!is_run_id(id), "{id}");
        }
        assert!(is_run_id("20261126T200000Z-short-bolus-2"));
    }

    #[test]
    fn an_uploaded_scenario_is_kept_under_a_harmless_name() {
        for (name, kept) in [
            ("my run.yaml", "my-run.yaml"),
            ("../../etc/passwd", "passwd.yaml"),
            ("", "scenario.yaml"),
            ("..", "scenario.yaml"),
            ("-rf.yml", "rf.yaml"),
            ("größe.yaml", "gr--e.yaml"),
        ] {
            assert_eq!(scenario(name), kept, "{name}");
        }
    }
}
