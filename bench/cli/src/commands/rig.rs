//! `dosebench rig serve`: a rig's simulators on pseudo-terminals and sockets, in real time.
//!
//! Prints the path of the rig file to run against, then stays until a signal comes.

use std::path::PathBuf;

use ::rig::serve::Served;

use crate::output::{say, tell};
use crate::signals::Signals;
use crate::{Failure, load};

/// Arguments of `rig`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Serve a rig's simulators
    Serve {
        /// The rig: a file, or a name of the library
        rig: String,
        /// Where to write the rig file to run against; a new folder unless given
        #[arg(long)]
        out: Option<PathBuf>,
        /// The seed of everything random
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Serve until standard input is closed, too: by whoever started this, however that ends
        #[arg(long, hide = true)]
        while_stdin_is_open: bool,
    },
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let Command::Serve { rig, out, seed, while_stdin_is_open } = &args.command;
    let source = load::rig_source(rig)?;
    let file = load::whole_rig(&source)?;
    let signals = Signals::catch().map_err(|e| Failure::bench(format!("signals cannot be caught: {e}")))?;
    let (out, temporary) = match out {
        Some(out) => {
            let folder = out.parent().filter(|p| !p.as_os_str().is_empty());
            if let Some(Err(e)) = folder.map(std::fs::create_dir_all) {
                return Err(Failure::bench(format!("{}: {e}", out.display())));
            }
            (out.clone(), None)
        }
        None => {
            let folder = std::env::temp_dir().join(format!("dosebench-{}-{}", file.name(), std::process::id()));
            std::fs::create_dir_all(&folder).map_err(|e| Failure::bench(format!("{}: {e}", folder.display())))?;
            (folder.join("rig.yaml"), Some(folder))
        }
    };
    let broken = |e: std::io::Error| Failure::bench(format!("the rig cannot be served: {e}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(broken)?;
    let (stop, mut stopped) = tokio::sync::mpsc::channel(1);
    let closed = stop.clone();
    std::thread::spawn(move || {
        signals.wait();
        stop.blocking_send(()).unwrap_or_default();
    });
    if *while_stdin_is_open {
        std::thread::spawn(move || {
            drop(std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()));
            closed.blocking_send(()).unwrap_or_default();
        });
    }
    let result = runtime.block_on(async {
        let served = Served::open(&source, &file, *seed, &out).await?;
        let path = out.canonicalize()?;
        let serving = tokio::spawn(served.run(|line| tell!("{line}")));
        say!("{}", path.display());
        tokio::select! {
            ended = serving => ended.map_err(std::io::Error::other)?,
            _ = stopped.recv() => Ok(()),
        }
    });
    drop(runtime);
    if let Some(folder) = temporary {
        drop(std::fs::remove_dir_all(folder));
    }
    result.map_err(broken)?;
    Ok(0)
}
