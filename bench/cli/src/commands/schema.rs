//! `dosebench schema`: JSON Schema for editors, and the step reference.
//!
//! Made from the same tables that check the files.

use crate::Failure;
use crate::output::say;

/// Arguments of `schema`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Of what
    of: Of,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Of {
    /// A scenario file, as JSON Schema
    Scenario,
    /// A rig file, as JSON Schema
    Rig,
    /// The steps of a scenario, as Markdown
    Steps,
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let text = match args.of {
        Of::Scenario => serde_json::to_string_pretty(&scenario::schema()),
        Of::Rig => serde_json::to_string_pretty(&::rig::schema()),
        Of::Steps => {
            say!("{}", scenario::step_reference().trim_end());
            return Ok(0);
        }
    };
    say!("{}", text.map_err(Failure::bench)?);
    Ok(0)
}
