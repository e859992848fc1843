//! `dosebench answer` and `dosebench note`: a word to a run that is under way.
//!
//! Both go over the socket in the run's folder and come back with whether they were taken.

use std::path::PathBuf;

use daemon::control::{Message, say};

use crate::{Failure, runs, user};

/// Arguments of `answer`.
#[derive(clap::Args)]
pub(crate) struct AnswerArgs {
    /// The run: its folder, or its id under --runs
    run: String,
    /// The prompt's name
    prompt: String,
    /// The value, or 'NAME=VALUE, NAME=VALUE' where several are asked for
    value: Option<String>,
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
    let message = Message::Answer { prompt: args.prompt.clone(), value, by };
    say(&folder, &message).map_err(Failure::input)?;
    Ok(0)
}

pub(crate) fn note(args: &NoteArgs) -> Result<u8, Failure> {
    let folder = runs::find(&args.run, &args.runs)?;
    say(&folder, &Message::Note { text: args.text.clone(), by: args.by.clone().unwrap_or_else(user) })
        .map_err(Failure::input)?;
    Ok(0)
}
