//! `dosebench token`: who may ask this host's daemons for what.
//!
//! A token goes to stdout, once; nobody can read it again. Whoever may write the host's store may grant.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;
use store::Scope;

use crate::output::{say, tell};
use crate::{Failure, load, station};

/// The longest name.
const NAME_MAX: usize = 100;

/// Arguments of `token`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Grant access: prints the token, to be put into DOSEBENCH_TOKEN or into the page
    New {
        /// Whose it is, or what it is for
        name: String,
        /// What it allows; each includes those before it
        #[arg(long, value_parser = PossibleValuesParser::new(Scope::ALL.map(Scope::name)).try_map(|name| scope(&name)))]
        scope: Scope,
        /// For how long, as in '90 d'; until it is revoked unless given
        #[arg(long = "for", value_name = "TIME", value_parser = load::time)]
        lasts: Option<Duration>,
    },
    /// Who has access
    List {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Take access back
    Revoke {
        /// The name under which it was granted
        name: String,
        /// Why; it stands in the audit log
        #[arg(long)]
        because: String,
    },
}

/// The scope of that name.
fn scope(name: &str) -> Result<Scope, String> {
    Scope::named(name).ok_or_else(|| format!("expected a scope, but found '{name}'"))
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let mut store = station::store()?;
    match &args.command {
        Command::New { name, scope, lasts } => {
            let fits = !name.trim().is_empty() && name.len() <= NAME_MAX && !name.chars().any(char::is_control);
            let name = Some(name.trim()).filter(|_| fits).ok_or_else(|| {
                Failure::input(format!(
                    "expected a name of 1 to {NAME_MAX} letters that can be seen, but found {name:?}"
                ))
            })?;
            let (token, access) = store.grant(name, *scope, *lasts).map_err(station::failure)?;
            let until = access.until.map_or_else(|| "until it is revoked".to_owned(), |until| format!("until {until}"));
            tell!("{name} may {} {until}; nobody can read this token again", scope.name());
            say!("{}", token.reveal());
        }
        Command::List { json: true } => say!("{}", json!({"access": store.accesses().map_err(station::failure)?})),
        Command::List { json: false } => {
            for access in store.accesses().map_err(station::failure)? {
                let until = access.until.map_or_else(|| "until revoked".to_owned(), |until| format!("until {until}"));
                say!("{}  {}  since {}  {until}", access.name, access.scope.name(), access.since);
            }
        }
        Command::Revoke { name, because } if because.trim().is_empty() => {
            return Err(Failure::input(format!("expected a reason with --because to revoke '{name}', but found none")));
        }
        Command::Revoke { name, because } => store.revoke(name, because.trim()).map_err(station::failure)?,
    }
    Ok(0)
}
