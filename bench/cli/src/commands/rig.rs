//! `dosebench rig serve`: a rig's simulators on pseudo-terminals and sockets, in real time.
//!
//! Prints the path of the rig file to run against, then stays until a signal comes.

use std::path::PathBuf;

use ::rig::serve::Served;

use crate::output::say;
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
    },
}

pub(crate) fn run(args: &Args) -> Result<u8, Failure> {
    let Command::Serve { rig, out, seed } = &args.command;
    let source = load::rig_source(rig)?;
    let file = load::rig(&source)?;
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
    let (stop, stopped) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        signals.wait();
        let _gone = stop.send(());
    });
    let result = runtime.block_on(async {
        let served = Served::open(&source, &file, *seed, &out).await?;
        let path = out.canonicalize()?;
        let serving = tokio::spawn(served.run());
        say!("{}", path.display());
        tokio::select! {
            ended = serving => ended.map_err(std::io::Error::other)?,
            _ = stopped => Ok(()),
        }
    });
    drop(runtime);
    if let Some(folder) = temporary {
        drop(std::fs::remove_dir_all(folder));
    }
    result.map_err(broken)?;
    Ok(0)
}
