//! A source text and the problems found in it, each with its place.
//!
//! Rendering follows `FILE:LINE:COLUMN: expected …, but found …`, with the line and a caret below it.

use core::fmt;

/// The greatest size of a scenario or rig file.
pub const SOURCE_BYTES_MAX: usize = 1024 * 1024;

/// A place in a source: line and column, both from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pos {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Pos {
    /// The first place of a file.
    pub const START: Self = Self { line: 1, column: 1 };
}

/// Why bytes are no source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceError {
    message: String,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for SourceError {}

/// A named text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
}

impl Source {
    /// The source of that name, from bytes of at most [`SOURCE_BYTES_MAX`].
    ///
    /// # Errors
    /// If it is larger, or no UTF-8.
    pub fn new(name: &str, bytes: Vec<u8>) -> Result<Self, SourceError> {
        if bytes.len() > SOURCE_BYTES_MAX {
            return Err(Self::too_large(name, bytes.len() as u64));
        }
        let text = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            let line = e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
            SourceError {
                message: format!("{name}:{line}:1: expected UTF-8 text, but found the byte {:#04x}", e.as_bytes()[at]),
            }
        })?;
        let text = text.strip_prefix('\u{feff}').map_or(text.clone(), str::to_owned);
        Ok(Self { name: name.to_owned(), text })
    }

    /// The error of a file that is too large, for a caller that knows its size before reading it.
    #[must_use]
    pub fn too_large(name: &str, bytes: u64) -> SourceError {
        let limit = SOURCE_BYTES_MAX;
        SourceError {
            message: format!("{name}:1:1: expected a file of at most {limit} bytes (1 MiB), but found {bytes} bytes"),
        }
    }

    /// Its name, as shown in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A problem in a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Where.
    pub pos: Pos,
    /// What was expected, but what was found.
    pub message: String,
    /// What to do, where it is known.
    pub hint: Option<String>,
}

/// All problems of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
}

/// Beyond so many, a file has one problem, not many.
const SHOWN_MAX: usize = 50;

impl Diagnostics {
    /// No problem yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a problem.
    pub fn push(&mut self, pos: Pos, message: impl Into<String>) {
        self.items.push(Diagnostic { pos, message: message.into(), hint: None });
    }

    /// Adds a problem with a hint.
    pub fn push_hint(&mut self, pos: Pos, message: impl Into<String>, hint: impl Into<String>) {
        self.items.push(Diagnostic { pos, message: message.into(), hint: Some(hint.into()) });
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The problems in the order of their places, each once.
    #[must_use]
    pub fn sorted(&self) -> Vec<Diagnostic> {
        let mut items = self.items.clone();
        items.sort();
        items.dedup();
        items
    }

    /// The problems as text, with line and caret.
    #[must_use]
    pub fn render(&self, source: &Source) -> String {
        let items = self.sorted();
        let lines: Vec<&str> = source.text.lines().collect();
        let mut out = String::new();
        for item in items.iter().take(SHOWN_MAX) {
            out.push_str(&render_one(item, source.name(), &lines));
        }
        if items.len() > SHOWN_MAX {
            out.push_str(&format!("{}: {} more problems are not shown\n", source.name, items.len() - SHOWN_MAX));
        }
        out
    }
}

fn render_one(item: &Diagnostic, name: &str, lines: &[&str]) -> String {
    let Pos { line, column } = item.pos;
    let mut out = format!("{name}:{line}:{column}: {}\n", item.message);
    if let Some(text) = lines.get(line - 1) {
        let (shown, caret) = excerpt(text, column);
        let gutter = line.to_string();
        out.push_str(&format!("  {gutter} | {shown}\n  {:width$} | {:caret$}^\n", "", "", width = gutter.len()));
    }
    if let Some(hint) = &item.hint {
        out.push_str(&format!("  hint: {hint}\n"));
    }
    out
}

/// A line cut to what fits a terminal, and where the caret goes; control characters are shown as blanks.
fn excerpt(text: &str, column: usize) -> (String, usize) {
    const WIDTH: usize = 110;
    const BEFORE: usize = 70;
    let from = (column - 1).saturating_sub(BEFORE);
    let shown: String = text.chars().skip(from).take(WIDTH).map(|c| if c.is_control() { ' ' } else { c }).collect();
    (shown, column - 1 - from)
}
