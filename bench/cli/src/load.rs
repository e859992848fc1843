//! From an argument to a source: a file if it ends in `.yaml` or `.yml`, anything else a name of the library.
//!
//! A file's size is looked at before it is read.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use ::rig::RigFile;
use domain::Dimension;
use scenario::Document;
use text::{Diagnostics, Node, SOURCE_BYTES_MAX, Source, parse, parse_quantity};

use crate::Failure;

/// Whether an argument names a file.
pub(crate) fn is_file(argument: &str) -> bool {
    let extension = Path::new(argument).extension().and_then(|e| e.to_str());
    matches!(extension, Some("yaml" | "yml"))
}

/// The source of a file.
pub(crate) fn file(path: &str) -> Result<Source, Failure> {
    let unreadable = |e: std::io::Error| Failure::input(format!("{path}: expected a file that can be read, but {e}"));
    // A pipe that nobody writes to would be waited for without end.
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        return Err(Failure::input(format!("{path}: expected a regular file, but found something else")));
    }
    let file = File::open(path).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    if bytes > SOURCE_BYTES_MAX as u64 {
        return Err(Failure::input(Source::too_large(path, bytes)));
    }
    let mut text = Vec::new();
    // A pipe tells no size: read no more than may be.
    file.take(SOURCE_BYTES_MAX as u64 + 1).read_to_end(&mut text).map_err(unreadable)?;
    Source::new(path, text).map_err(Failure::input)
}

fn source(
    argument: &str,
    what: &str,
    find: fn(&str) -> Option<&'static str>,
    known: &[&str],
) -> Result<Source, Failure> {
    if is_file(argument) {
        return file(argument);
    }
    let Some(text) = find(argument) else {
        let known = known.join(", ");
        return Err(Failure::input(format!(
            "expected a {what} file (.yaml) or one of the library's ({known}), but found '{argument}'"
        )));
    };
    Source::new(argument, text.as_bytes().to_vec()).map_err(Failure::input)
}

/// The source of a scenario argument.
pub(crate) fn scenario_source(argument: &str) -> Result<Source, Failure> {
    let known: Vec<&str> = scenario::library::SCENARIOS.iter().map(|(n, _)| *n).collect();
    source(argument, "scenario", scenario::library::find, &known)
}

/// The source of a rig argument.
pub(crate) fn rig_source(argument: &str) -> Result<Source, Failure> {
    let known: Vec<&str> = ::rig::library::RIGS.iter().map(|(n, _)| *n).collect();
    source(argument, "rig", ::rig::library::find, &known)
}

/// The scenario behind an argument.
pub(crate) fn document(source: &Source) -> Result<Document, Failure> {
    Document::parse(source.clone()).map_err(|problems| rendered(&problems, source))
}

/// The rig behind an argument.
pub(crate) fn rig(source: &Source) -> Result<RigFile, Failure> {
    let rig = RigFile::parse(source).map_err(|problems| rendered(&problems, source))?;
    // A port that vanishes may stand under another name in the file by then.
    Ok(if is_file(source.name()) { rig.read_from(Path::new(source.name())) } else { rig })
}

/// The rig behind an argument, with the files that it names: to be run or served.
pub(crate) fn whole_rig(source: &Source) -> Result<RigFile, Failure> {
    let beside =
        if is_file(source.name()) { Some(Path::new(source.name()).to_owned()) } else { std::env::current_exe().ok() };
    let folder = beside.as_deref().and_then(Path::parent).unwrap_or_else(|| Path::new(""));
    rig(source)?.located(folder).map_err(|why| Failure::input(format!("{}: {why}", source.name())))
}

/// Problems as a failure.
pub(crate) fn rendered(problems: &Diagnostics, source: &Source) -> Failure {
    let count = problems.sorted().len();
    let plural = if count == 1 { "problem" } else { "problems" };
    Failure::problems(format!(
        "{}error: {}: {count} {plural} found; nothing was run\n",
        problems.render(source),
        source.name()
    ))
}

/// `NAME=VALUE` of `--set`.
pub(crate) fn assignment(argument: &str) -> Result<(String, String), String> {
    let (name, value) =
        argument.split_once('=').ok_or_else(|| format!("expected NAME=VALUE, but found '{argument}'"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// A span of time with its unit.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let seconds = parse_quantity(text, Dimension::Time)?;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| format!("expected a time that is not negative, but found '{text}'"))
}

/// Whether a file is a rig's rather than a scenario's.
pub(crate) fn is_rig(source: &Source) -> bool {
    let tree = parse(source, &mut Diagnostics::new());
    tree.as_ref().is_some_and(|t: &Node| t.get("rig").is_some() && t.get("scenario").is_none())
}
