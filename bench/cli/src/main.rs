//! `dosebench`: the command line. One file a subcommand under `commands`; exit codes as `domain::verdict` has them.
//!
//! Results go to stdout, everything else to stderr.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod child;
mod client;
mod commands;
mod fetched;
mod image;
mod job;
mod load;
mod notify;
mod output;
mod reported;
mod restart;
mod runs;
mod served;
mod signals;
mod station;
mod successor;
mod terminal;
mod watched;

/// Exit code of bad input.
pub(crate) const BAD_INPUT: u8 = 2;

use domain::verdict::BENCH_ERROR;

#[derive(Parser)]
#[command(
    name = "dosebench",
    version,
    about = "Hardware-in-the-loop test bench for an implantable infusion pump's board",
    after_help = "Exit codes: 0 pass, 1 the device failed, 2 bad input, 3 inconclusive, 4 bench error or not run, 5 stopped."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios on a rig and judge the device
    Run(commands::run::Args),
    /// Check scenario and rig files without touching hardware
    Check(commands::check::Args),
    /// List scenarios, rigs, instrument drivers, serial ports, debug probes or runs
    List(commands::list::Args),
    /// Answer an operator's step of a run that is under way
    Answer(commands::say::AnswerArgs),
    /// Add a remark to the record of a run that is under way
    Note(commands::say::NoteArgs),
    /// Make the station of a run safe whose process ended before the run did, and end its record
    Recover(commands::recover::Args),
    /// Rebuild a run's derived files from its record alone
    Report(commands::report::Args),
    /// Lay runs side by side: what differs between them, and each check's value
    Matrix(commands::matrix::Args),
    /// Accuracy figures of any gravimetric log, without a rig
    Analyze(commands::analyze::Args),
    /// Put a rig's simulators on pseudo-terminals in real time
    Rig(commands::rig::Args),
    /// Look whether ports, permissions, room, clock and certificates are as a rig needs them
    Doctor(commands::doctor::Args),
    /// Serve a rig: take jobs from many, run them one after the other, and let them be watched
    Serve(commands::serve::Args),
    /// Give the daemon a scenario to run
    Submit(commands::submit::Args),
    /// What the daemon's stations do, and which jobs wait
    Status(commands::watch::StatusArgs),
    /// Watch a run of the daemon's to its end
    Watch(commands::watch::WatchArgs),
    /// Stop a run of the daemon's, or take a job out of its queue
    Cancel(commands::act::RunOrJobArgs),
    /// Say that you know how a run of the daemon's ended: nobody else is told of it then
    Acknowledge(commands::act::RunOrJobArgs),
    /// Let jobs begin again at a station of the daemon's that is in quarantine
    Release(commands::act::ReleaseArgs),
    /// Remove old runs that passed, as a policy says
    Prune(commands::prune::Args),
    /// Keep a station for yourself for a time, give it back, or see who has what
    Lease(commands::lease::Args),
    /// Grant access to this host's daemons by a token, take it back, or see who has it
    Token(commands::token::Args),
    /// The log of who took which station of this host: print it, or verify that it is as it was written
    Audit(commands::audit::Args),
    /// Print a JSON Schema for editors, or the step reference
    Schema(commands::schema::Args),
    /// Measure this program's own speed; `cargo xtask metrics` calls it
    #[command(hide = true)]
    Bench(commands::bench::Args),
    /// Hold a debug probe for a run; requests are lines of JSON on standard input
    #[command(hide = true)]
    ProbeWorker(commands::probe::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Run(args) => commands::run::run(&args),
        Command::Check(args) => commands::check::run(&args),
        Command::List(args) => commands::list::run(&args),
        Command::Answer(args) => commands::say::answer(&args),
        Command::Note(args) => commands::say::note(&args),
        Command::Recover(args) => commands::recover::run(&args),
        Command::Report(args) => commands::report::run(&args),
        Command::Matrix(args) => commands::matrix::run(&args),
        Command::Analyze(args) => commands::analyze::run(&args),
        Command::Rig(args) => commands::rig::run(&args),
        Command::Doctor(args) => commands::doctor::run(&args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Submit(args) => commands::submit::run(&args),
        Command::Status(args) => commands::watch::status(&args),
        Command::Watch(args) => commands::watch::watch(&args),
        Command::Cancel(args) => commands::act::cancel(&args),
        Command::Acknowledge(args) => commands::act::acknowledge(&args),
        Command::Release(args) => commands::act::release(&args),
        Command::Prune(args) => commands::prune::run(&args),
        Command::Lease(args) => commands::lease::run(&args),
        Command::Token(args) => commands::token::run(&args),
        Command::Audit(args) => commands::audit::run(&args),
        Command::Schema(args) => commands::schema::run(&args),
        Command::Bench(args) => commands::bench::run(&args),
        Command::ProbeWorker(args) => commands::probe::work(args),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::tell_raw(&failure.text);
            ExitCode::from(failure.code)
        }
    }
}

/// Who uses this program, as the system names him.
pub(crate) fn user() -> String {
    std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned())
}

/// Why a command came to nothing: what to print, and the exit code.
pub(crate) struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    /// Bad input; one sentence.
    pub(crate) fn input(sentence: impl std::fmt::Display) -> Self {
        Self { text: format!("error: {sentence}\n"), code: BAD_INPUT }
    }

    /// Bad input whose problems are rendered already.
    pub(crate) const fn problems(text: String) -> Self {
        Self { text, code: BAD_INPUT }
    }

    /// Whether the bench is to blame.
    pub(crate) const fn is_bench(&self) -> bool {
        self.code == BENCH_ERROR
    }

    /// What there is to say, without how that begins.
    pub(crate) fn sentence(&self) -> &str {
        self.text.trim().trim_start_matches("error: ")
    }

    /// The bench's fault; one sentence.
    pub(crate) fn bench(sentence: impl std::fmt::Display) -> Self {
        Self { text: format!("error: {sentence}\n"), code: BENCH_ERROR }
    }
}
