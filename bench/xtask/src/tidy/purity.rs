//! Purity: time and data arrive in events, so the crates that decide what a run means read nothing themselves.
//! And where a seed must replay on other machines, transcendental functions come from `libm` alone.

use std::collections::BTreeSet;

use super::modules::Modules;
use super::tree::{File, Tree};
use super::{Violation, source};

/// The crates that read no clock, file, socket, thread or random number.
const PURE: [&str; 5] =
    ["bench/domain/src/", "bench/engine/src/", "bench/measure/src/", "bench/scenario/src/", "bench/text/src/"];

/// The crates whose numbers replay.
const REPLAYED: [&str; 2] = ["bench/measure/src/", "fixtures/sim/src/"];

/// Paths that a pure crate may not name, nor anything below them.
const PATHS: [&str; 9] = [
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
    "rand",
    "rand_chacha",
];

/// Types that a pure crate may not name, however they came into scope.
const TYPES: [&str; 3] = ["HashMap", "HashSet", "RandomState"];

/// Float methods whose last digit depends on the machine.
const METHODS: [&str; 24] = [
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh", "exp", "exp2", "exp_m1",
    "hypot", "ln", "ln_1p", "log10", "log2", "powf", "sin", "sin_cos", "sinh", "tan", "tanh",
];

/// One violation a line and name.
pub(super) fn check(tree: &Tree, modules: &Modules) -> Vec<Violation> {
    let mut violations = Vec::new();
    for folder in PURE.iter().chain(&REPLAYED).collect::<BTreeSet<_>>() {
        if !tree.has(folder) {
            violations.push(Violation::new(*folder, 1, "the crate that the purity rule names", "none here"));
        }
    }
    for (path, file) in tree.rust() {
        if modules.get(path) == Some(&true) {
            continue; // exists in test builds only
        }
        let mut found = BTreeSet::new();
        if PURE.iter().any(|folder| path.starts_with(folder)) {
            let expected = "time, data and random numbers to arrive from outside a pure crate";
            let impure = impure_names(&production(file));
            found.extend(impure.into_iter().map(|(line, name)| (line, expected, name)));
        }
        if REPLAYED.iter().any(|folder| path.starts_with(folder)) {
            let expected = "transcendental functions of `libm`, so that a seed replays";
            let calls = float_calls(&production(file));
            found.extend(calls.into_iter().map(|(line, name)| (line, expected, name)));
        }
        for (line, expected, name) in found {
            violations.push(Violation::new(path, line, expected, format!("`{name}`")));
        }
    }
    violations
}

/// The code with its test modules blanked.
fn production(file: &File) -> String {
    let mut code = file.code.clone();
    for range in source::test_modules(&file.code) {
        let blank: String =
            file.code[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
        code.replace_range(range, &blank);
    }
    code
}

fn impure_names(code: &str) -> BTreeSet<(usize, String)> {
    let mut found = BTreeSet::new();
    for path in PATHS {
        // A path used in place. A bare name as `rand` may be anything unless something of it is named.
        let used = if path.contains("::") { path.to_string() } else { format!("{path}::") };
        for at in source::find_words(code, &used) {
            found.insert((source::line_of(code, at), path.to_string()));
        }
    }
    for (at, import) in source::imports(code) {
        let line = source::line_of(code, at);
        for path in PATHS {
            if import == path || import.starts_with(&format!("{path}::")) {
                found.insert((line, path.to_string()));
            }
        }
        // Behind these imports the banned names are in reach without their full paths.
        if ["std", "std::*", "std::time", "std::time::*"].contains(&import.as_str()) {
            found.insert((line, format!("use {import}")));
        }
    }
    for name in TYPES {
        for at in source::find_words(code, name) {
            found.insert((source::line_of(code, at), name.to_string()));
        }
    }
    found
}

fn float_calls(code: &str) -> BTreeSet<(usize, String)> {
    let mut found = BTreeSet::new();
    for method in METHODS {
        for pattern in [format!(".{method}("), format!("f64::{method}"), format!("f32::{method}")] {
            for at in source::find_words(code, &pattern) {
                let name = pattern.trim_end_matches('(').to_string();
                found.insert((source::line_of(code, at), name));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{expect_violations, modules};
    use super::*;

    fn check_file(path: &str, text: &str, expect: &[&str]) {
        let mut files: Vec<(&str, &str)> = vec![
            ("bench/domain/src/lib.rs", ""),
            ("bench/engine/src/lib.rs", ""),
            ("bench/measure/src/lib.rs", ""),
            ("bench/scenario/src/lib.rs", ""),
            ("bench/text/src/lib.rs", ""),
            ("fixtures/sim/src/lib.rs", ""),
        ];
        files.push((path, text));
        let tree = Tree::of(&files);
        let found = check(&tree, &modules::walk(&tree));
        let expect: Vec<String> = expect.iter().map(|rest| format!("{path}:{rest}")).collect();
        let expect: Vec<&str> = expect.iter().map(String::as_str).collect();
        expect_violations(found, &expect);
    }

    #[test]
    fn pure_code_passes() {
        check_file(
            "bench/engine/src/lib.rs",
            "use std::time::Duration;\nuse std::{collections::BTreeMap, fmt};\n// std::fs\nfn rand() { \"HashMap\"; }\n\
             #[cfg(test)]\nmod tests { use std::fs; }\n",
            &[],
        );
        check_file("bench/daemon/src/lib.rs", "use std::fs;", &[]);
    }

    #[test]
    fn impure_names_are_found_however_they_are_written() {
        let pure = "expected time, data and random numbers to arrive from outside a pure crate, but found";
        check_file(
            "bench/domain/src/lib.rs",
            "use std::{fmt, fs::File};\nfn f() { std::thread::sleep(d); }\nuse std::time;\ntype M = HashMap<u8, u8>;\n\
             use tokio::time as clock;\nlet x = rand::random();",
            &[
                &format!("1: {pure} `std::fs`"),
                &format!("2: {pure} `std::thread`"),
                &format!("3: {pure} `use std::time`"),
                &format!("4: {pure} `HashMap`"),
                &format!("5: {pure} `tokio`"),
                &format!("6: {pure} `rand`"),
            ],
        );
    }

    #[test]
    fn replayed_crates_use_libm() {
        let libm = "expected transcendental functions of `libm`, so that a seed replays, but found";
        check_file(
            "fixtures/sim/src/lib.rs",
            "let a = x.exp();\nlet b = libm::exp(x) + x.sqrt();\nlet c = v.map(f64::sin);\nlet d = x.expect(1);",
            &[&format!("1: {libm} `.exp`"), &format!("3: {libm} `f64::sin`")],
        );
        check_file("bench/engine/src/lib.rs", "let a = x.exp();", &[]);
    }

    #[test]
    fn a_crate_that_moved_is_noticed() {
        let tree = Tree::of(&[("bench/domain/src/lib.rs", "")]);
        let found = check(&tree, &modules::walk(&tree));
        assert_eq!(found.len(), 5, "{found:?}");
    }
}
