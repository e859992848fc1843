//! Just enough of Rust's grammar to look at code as text: what is a comment or a literal, which brace closes which,
//! where test modules lie, what a `use` imports. It knows no rule; the rules are built on it.

use std::ops::Range;

/// The text with every comment, string and character literal turned into spaces, newlines and lengths kept.
pub(super) fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => line_end(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => comment_end(bytes, at),
            b'"' => string_end(bytes, at),
            b'r' => raw_string_end(bytes, at).unwrap_or(at),
            b'\'' => char_end(text, at).unwrap_or(at),
            _ => at,
        };
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(code).expect("comments and literals begin and end with an ASCII character")
}

fn line_end(bytes: &[u8], start: usize) -> usize {
    let length = bytes[start..].iter().position(|byte| *byte == b'\n');
    length.map_or(bytes.len(), |length| start + length)
}

fn comment_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn raw_string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let starts_word = |at: usize| at == 0 || !is_word(bytes[at - 1]);
    let prefixed = start > 0 && matches!(bytes[start - 1], b'b' | b'c') && starts_word(start - 1);
    if !starts_word(start) && !prefixed {
        return None;
    }
    let hashes = bytes[start + 1..].iter().take_while(|byte| **byte == b'#');
    let hashes = hashes.count();
    if bytes.get(start + 1 + hashes) != Some(&b'"') {
        return None; // an identifier
    }
    let closing = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let content = start + 2 + hashes;
    let length = bytes[content..].windows(closing.len()).position(|window| window == closing);
    Some(length.map_or(bytes.len(), |length| content + length + closing.len()))
}

/// The end of a character literal; none if the quote begins a lifetime.
fn char_end(text: &str, start: usize) -> Option<usize> {
    let mut rest = text[start + 1..].char_indices();
    let (_, first) = rest.next()?;
    if first == '\\' {
        rest.next(); // what is escaped may itself be a quote
        let (length, _) = rest.find(|(_, character)| *character == '\'')?;
        return Some(start + 1 + length + 1);
    }
    match rest.next() {
        Some((length, '\'')) => Some(start + 1 + length + 1),
        _ => None,
    }
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// The line, counted from 1, of a byte.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Where a pattern occurs as whole words: neither its first nor its last word goes on beyond it.
pub(super) fn find_words<'a>(code: &'a str, pattern: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    let joined = |left: u8, right: u8| is_word(left) && is_word(right);
    code.match_indices(pattern).map(|(at, _)| at).filter(move |at| {
        let end = at + pattern.len();
        let before = *at > 0 && joined(bytes[at - 1], bytes[*at]);
        let after = end < bytes.len() && joined(bytes[end - 1], bytes[end]);
        !before && !after
    })
}

/// The word at the start of some code, spaces before it left out; empty if there is none.
pub(super) fn first_word(code: &str) -> &str {
    let code = code.trim_start();
    let end = code.bytes().position(|byte| !is_word(byte));
    &code[..end.unwrap_or(code.len())]
}

/// The end of what opens at `open` (a brace or a bracket), behind its closing partner.
pub(super) fn closed(code: &str, open: usize) -> usize {
    let bytes = code.as_bytes();
    let (opening, closing) = match bytes[open] {
        b'[' => (b'[', b']'),
        _ => (b'{', b'}'),
    };
    let mut depth = 0_usize;
    for (at, byte) in bytes.iter().enumerate().skip(open) {
        if *byte == opening {
            depth += 1;
        } else if *byte == closing {
            depth -= 1;
            if depth == 0 {
                return at + 1;
            }
        }
    }
    bytes.len()
}

/// Attributes, outer and inner: where each begins, and what stands between its brackets.
pub(super) fn attributes(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices('#') {
        let rest = &code[at + 1..];
        let bang = usize::from(rest.starts_with('!'));
        if rest[bang..].starts_with('[') {
            let open = at + 1 + bang;
            let end = closed(code, open);
            let inside = code[open + 1..end].trim_end_matches(']');
            found.push((at, inside.trim()));
        }
    }
    found
}

/// Whether an attribute's inside leaves an item out of everything but test builds.
pub(super) fn is_test_only(attribute: &str) -> bool {
    let attribute: String = attribute.split_whitespace().collect();
    attribute == "cfg(test)" || attribute.starts_with("cfg(all(test,")
}

/// Where modules lie that exist in test builds only, from their attribute to their closing brace.
pub(super) fn test_modules(code: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (start, inside) in attributes(code) {
        let nested = found.last().is_some_and(|outer| outer.contains(&start));
        if nested || !is_test_only(inside) {
            continue;
        }
        let end = code[start..].find('{').map(|open| start + open);
        let Some(open) = end else { continue };
        let item = &code[start..open];
        let is_module = !item.contains(';') && find_words(item, "mod").next().is_some();
        if is_module {
            found.push(start..closed(code, open));
        }
    }
    found
}

/// The full path of everything that `use` declarations import, each with the byte of its declaration.
pub(super) fn imports(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in find_words(code, "use") {
        let rest = &code[at + "use".len()..];
        if rest.trim_start().starts_with('<') {
            continue; // `impl Trait + use<'a>`
        }
        let end = rest.find(';').unwrap_or(rest.len());
        let mut paths = Vec::new();
        expand("", &rest[..end], &mut paths);
        found.extend(paths.into_iter().map(|path| (at, path)));
    }
    found
}

fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let Some(open) = tree.find('{') else {
        let name = tree.split(" as ").next().unwrap_or_default();
        let name: String = name.split_whitespace().collect();
        let path = format!("{prefix}{name}");
        let path = path.trim_start_matches("::");
        let path = path.strip_suffix("::self").unwrap_or(path);
        if !path.is_empty() {
            paths.push(path.to_string());
        }
        return;
    };
    let head: String = tree[..open].split_whitespace().collect();
    let prefix = format!("{prefix}{head}");
    let inside = &tree[open + 1..closed(tree, open)];
    let inside = inside.strip_suffix('}').unwrap_or(inside);
    let mut depth = 0_usize;
    let branches = inside.split(|character| {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    });
    for branch in branches.filter(|branch| !branch.trim().is_empty()) {
        expand(&prefix, branch, paths);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        let check = |text: &str, expect: &str| assert_eq!(blanked(text), expect, "{text}");
        check("a // b\nc", "a     \nc");
        check("a /* b /* c */ d */ e", "a                   e");
        check(r#"f("a\"}b") + 1"#, "f(       ) + 1");
        check(r##"f(r#"a"{"#, br"\")"##, "f(        , b    )");
        check(r"('{', '\'', b'}', '\u{7b}', 'é')", "(   ,     , b   ,         ,     )");
        check("fn f<'a, 'b>(x: &'a str)", "fn f<'a, 'b>(x: &'a str)");
        check("r#type + bar", "r#type + bar");
    }

    #[test]
    fn words_are_whole() {
        let check = |code: &str, pattern: &str, expect: &[usize]| {
            assert_eq!(find_words(code, pattern).collect::<Vec<_>>(), expect);
        };
        check("mod model mod", "mod", &[0, 10]);
        check("std::fs std::fsx xstd::fs", "std::fs", &[0]);
        check("mytodo!() todo!()", "todo!", &[10]);
    }

    #[test]
    fn imports_are_full_paths() {
        let check = |code: &str, expect: &[&str]| {
            let found: Vec<String> = imports(code).into_iter().map(|(_, path)| path).collect();
            assert_eq!(found, expect);
        };
        check("use std::fs;", &["std::fs"]);
        check("use ::std::fs as files;", &["std::fs"]);
        check(
            "pub use std::{\n fs::{self, File},\n time::{Duration, Instant as I},\n};",
            &["std::fs", "std::fs::File", "std::time::Duration", "std::time::Instant"],
        );
        check("fn f() -> impl X + use<'a> {}", &[]);
    }

    #[test]
    fn test_modules_span_their_braces() {
        let check = |code: &str, expect: &[&str]| {
            let found: Vec<&str> = test_modules(code).into_iter().map(|range| &code[range]).collect();
            assert_eq!(found, expect);
        };
        check(
            "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { {} } }\nfn c() {}",
            &["#[cfg(test)]\nmod tests { fn b() { {} } }"],
        );
        check("#[cfg(test)]\nmod tests;\nfn c() {}", &[]);
        check("#[cfg(test)]\nfn helper() { }", &[]);
    }
}
