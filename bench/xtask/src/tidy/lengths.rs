//! Lengths: a file's production part and every function fit a limit, so that each can be read in one go.
//! `tidy-exceptions.txt` lists what is longer for now; an entry may only shrink.

use std::collections::BTreeMap;

use super::modules::Modules;
use super::tree::{self, Tree};
use super::{Violation, source};

/// Lines of a file that are not in its test modules.
const FILE_LINES_MAX: usize = 400;

/// Lines from a function's `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

const EXCEPTIONS: &str = "bench/xtask/tidy-exceptions.txt";

/// What is measured: a file, or a function of it by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    File(String),
    Function(String, String),
}

/// How long it is, and on which line it begins.
struct Length {
    line: usize,
    lines: usize,
}

/// One violation a length above its limit or exception, and one an exception that should shrink or go.
pub(super) fn check(tree: &Tree, modules: &Modules) -> Vec<Violation> {
    let lengths = measure(tree, modules);
    let text = tree.files.get(EXCEPTIONS).map_or("", |file| &file.text);
    let (exceptions, mut violations) = parse_exceptions(text);
    for (subject, length) in &lengths {
        let (limit, what) = limit(subject);
        let (most, why) = match exceptions.get(subject) {
            Some(exception) => (exception.lines, " (its exception)"),
            None => (limit, ""),
        };
        if length.lines > most.max(limit) {
            violations.push(Violation::new(
                path(subject),
                length.line,
                format!("{what} of at most {most} lines{why}"),
                length.lines.to_string(),
            ));
        }
    }
    for (subject, exception) in &exceptions {
        violations.extend(judge(subject, exception, lengths.get(subject)));
    }
    violations
}

/// Whether an exception is still needed as it stands.
fn judge(subject: &Subject, exception: &Length, length: Option<&Length>) -> Option<Violation> {
    let (limit, _) = limit(subject);
    let (expected, found) = match length.map(|length| length.lines) {
        None => ("this exception to be removed".to_string(), "nothing of this name".to_string()),
        Some(lines) if lines <= limit || exception.lines <= limit => {
            ("this exception to be removed".to_string(), format!("{lines} lines, limit {limit}"))
        }
        Some(lines) if lines < exception.lines => {
            (format!("this exception to be lowered to {lines}"), exception.lines.to_string())
        }
        Some(_) => return None,
    };
    Some(Violation::new(EXCEPTIONS, exception.line, expected, found))
}

fn limit(subject: &Subject) -> (usize, String) {
    match subject {
        Subject::File(_) => (FILE_LINES_MAX, "a production part".to_string()),
        Subject::Function(_, name) => (FUNCTION_LINES_MAX, format!("a function `{name}`")),
    }
}

fn path(subject: &Subject) -> &str {
    match subject {
        Subject::File(path) | Subject::Function(path, _) => path,
    }
}

fn measure(tree: &Tree, modules: &Modules) -> BTreeMap<Subject, Length> {
    let mut lengths = BTreeMap::new();
    for (path, file) in tree.rust() {
        if !tree::is_below_tests(path) && modules.get(path) != Some(&true) {
            let lines = production_lines(&file.code);
            lengths.insert(Subject::File(path.to_string()), Length { line: 1, lines });
        }
        for (name, length) in functions(&file.code) {
            let subject = Subject::Function(path.to_string(), name);
            // Of functions with one name the longest counts.
            let known = lengths.get(&subject).map_or(0, |known| known.lines);
            if length.lines > known {
                lengths.insert(subject, length);
            }
        }
    }
    lengths
}

fn production_lines(code: &str) -> usize {
    let tests: usize = source::test_modules(code).into_iter().map(|range| code[range].lines().count()).sum();
    code.lines().count() - tests
}

/// Every function that has a body.
fn functions(code: &str) -> Vec<(String, Length)> {
    let mut found = Vec::new();
    for at in source::find_words(code, "fn") {
        let name = source::first_word(&code[at + "fn".len()..]);
        let body = body(code, at);
        if let (false, Some(open)) = (name.is_empty(), body) {
            let line = source::line_of(code, at);
            let last = source::line_of(code, source::closed(code, open));
            let lines = last - line + 1;
            found.push((name.to_string(), Length { line, lines }));
        }
    }
    found
}

/// The opening brace of a function's body; none if it is only declared.
fn body(code: &str, start: usize) -> Option<usize> {
    let mut depth = 0_i64;
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn parse_exceptions(text: &str) -> (BTreeMap<Subject, Length>, Vec<Violation>) {
    let mut exceptions = BTreeMap::new();
    let mut violations = Vec::new();
    for (index, text) in text.lines().enumerate() {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let line = index + 1;
        match parse_exception(text) {
            Some((subject, lines)) => {
                exceptions.insert(subject, Length { line, lines });
            }
            None => violations.push(Violation::new(
                EXCEPTIONS,
                line,
                "`<path>: file <lines>` or `<path>::<function> <lines>`",
                format!("`{text}`"),
            )),
        }
    }
    (exceptions, violations)
}

fn parse_exception(text: &str) -> Option<(Subject, usize)> {
    let (subject, lines) = text.rsplit_once(' ')?;
    let lines = lines.parse().ok()?;
    if let Some(path) = subject.strip_suffix(": file") {
        return Some((Subject::File(path.to_string()), lines));
    }
    let (path, name) = subject.split_once("::")?;
    Some((Subject::Function(path.to_string(), name.to_string()), lines))
}

#[cfg(test)]
mod tests {
    use super::super::{expect_violations, modules};
    use super::*;

    const PATH: &str = "bench/x/src/lib.rs";

    fn check_text(text: &str, exceptions: &str, expect: &[&str]) {
        let tree = Tree::of(&[(PATH, text), (EXCEPTIONS, exceptions)]);
        expect_violations(check(&tree, &modules::walk(&tree)), expect);
    }

    fn function(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    step(\"{\");\n".repeat(lines - 2))
    }

    fn file(production: usize, tests: usize) -> String {
        let code = "const A: u8 = 1;\n".repeat(production);
        let body = "    const B: u8 = 1;\n".repeat(tests);
        format!("{code}#[cfg(test)]\nmod tests {{\n{body}}}\n")
    }

    #[test]
    fn what_fits_passes() {
        check_text(&function(FUNCTION_LINES_MAX), "", &[]);
        check_text(&file(FILE_LINES_MAX, 300), "", &[]);
        check_text("trait T { fn f(a: [u8; 2]); fn g(); }\ntype F = fn(u8);", "", &[]);
    }

    #[test]
    fn what_is_too_long_is_named() {
        check_text(
            &format!("\n{}", function(71)),
            "",
            &["bench/x/src/lib.rs:2: expected a function `long` of at most 70 lines, but found 71"],
        );
        check_text(
            &file(401, 3),
            "",
            &["bench/x/src/lib.rs:1: expected a production part of at most 400 lines, but found 401"],
        );
        check_text(
            &format!("#[cfg(test)]\nmod testing;\n{}", file(399, 3)),
            "",
            &["bench/x/src/lib.rs:1: expected a production part of at most 400 lines, but found 401"],
        );
    }

    #[test]
    fn exceptions_hold_and_may_not_be_exceeded() {
        check_text(&function(85), "# why\nbench/x/src/lib.rs::long 85\n", &[]);
        check_text(&file(512, 3), "bench/x/src/lib.rs: file 512\n", &[]);
        check_text(
            &function(86),
            "bench/x/src/lib.rs::long 85\n",
            &["bench/x/src/lib.rs:1: expected a function `long` of at most 85 lines (its exception), but found 86"],
        );
    }

    #[test]
    fn exceptions_only_shrink() {
        check_text(
            &function(80),
            "bench/x/src/lib.rs::long 85\n",
            &["bench/xtask/tidy-exceptions.txt:1: expected this exception to be lowered to 80, but found 85"],
        );
        check_text(
            &function(70),
            "bench/x/src/lib.rs::long 85\n",
            &["bench/xtask/tidy-exceptions.txt:1: expected this exception to be removed, but found 70 lines, limit 70"],
        );
        check_text(
            "",
            "bench/y.rs: file 500\ny.rs 500\n",
            &[
                "bench/xtask/tidy-exceptions.txt:1: expected this exception to be removed, but found nothing of this name",
                "bench/xtask/tidy-exceptions.txt:2: expected `<path>: file <lines>` or `<path>::<function> <lines>`, but found `y.rs 500`",
            ],
        );
    }
}
