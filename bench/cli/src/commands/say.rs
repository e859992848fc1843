//! `dosebench answer` and `dosebench note`: a word to a run that is under way.
//!
//! Both go over the socket in the run's folder and come back with whether they were taken.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use daemon::control::{Message, say};
use serde_json::{Value, json};
use store::Store;

use crate::{Failure, runs, station, user};

/// Arguments of `answer`.
#[derive(clap::Args)]
pub(crate) struct AnswerArgs {
    /// The run: its folder, or its id under --runs
    run: String,
    /// The prompt's name
    prompt: String,
    /// The value, or 'NAME=VALUE, NAME=VALUE' where several are asked for
    value: Option<String>,
    /// An entry's value, as it stands; once for each that is asked for
    #[arg(long = "entry", value_name = "NAME=VALUE", value_parser = entry)]
    entries: Vec<(String, String)>,
    /// Who answers; the user of this process unless given
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Where runs are
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
}

/// Arguments of `note`.
#[derive(clap::Args)]
pub(crate) struct NoteArgs {
    /// The run: its folder, or its id under --runs
    run: String,
    /// The remark
    text: String,
    /// Who remarks; the user of this process unless given
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Where runs are
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
}

pub(crate) fn answer(args: &AnswerArgs) -> Result<u8, Failure> {
    let folder = runs::find(&args.run, &args.runs)?;
    let (value, by) = (args.value.clone().unwrap_or_default(), args.by.clone().unwrap_or_else(user));
    let entries = args.entries.iter().cloned().collect::<BTreeMap<_, _>>();
    let detail = json!({"prompt": args.prompt, "value": value, "entries": entries, "by": by});
    let message = Message::Answer { prompt: args.prompt.clone(), value, entries, by };
    said(&folder, &message, ("run.answered", detail))
}

pub(crate) fn note(args: &NoteArgs) -> Result<u8, Failure> {
    let folder = runs::find(&args.run, &args.runs)?;
    let by = args.by.clone().unwrap_or_else(user);
    let detail = json!({"text": args.text, "by": by});
    said(&folder, &Message::Note { text: args.text.clone(), by }, ("run.remarked", detail))
}

/// Says something to a run; that somebody does, and whether it was taken, is in the audit log of a host that has one.
fn said(folder: &Path, message: &Message, (action, detail): (&str, Value)) -> Result<u8, Failure> {
    let run = runs::id(folder);
    let mut store = if Store::usual_folder().exists() { Some(station::store()?) } else { None };
    if let Some(store) = &mut store {
        store.note_of_run(action, &run, &detail).map_err(station::failure)?;
    }
    let taken = say(folder, message);
    if let (Some(store), Err(why)) = (&mut store, &taken) {
        store.note_of_run("run.word_refused", &run, &json!({"word": action, "why": why})).map_err(station::failure)?;
    }
    taken.map_err(Failure::input)?;
    Ok(0)
}

fn entry(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("expected NAME=VALUE, but found '{text}'"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
