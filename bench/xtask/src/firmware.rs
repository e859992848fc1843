//! `cargo xtask firmware`: the pump board's image, built with whatever toolchain for the target this machine has.
//!
//! It owns the choice of toolchain, and the flags under which the same source gives the same image wherever it lies.
//! The image ends up in the target folder as `firmware/pump-board.elf`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::failure::Failure;
use crate::process;

const TARGET: &str = "thumbv7em-none-eabihf";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "binutils-arm-none-eabi"];
/// How probe-rs is told of the emulated chip.
const DESCRIPTION: &str = "fixtures/probe/chips/mps2-an386.yaml";
/// The image's crates that lie in the clone.
const OURS: [&str; 3] = ["wire", "logic", "pump_board"];
/// Tells xtask that cargo calls it in the compiler's place.
pub(crate) const COMPILES: &str = "DOSEBENCH_XTASK_COMPILES";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// A way to build for the target.
#[derive(Debug, PartialEq, Eq)]
enum Toolchain {
    /// The toolchain that builds the rest has the target's `core`.
    Installed,
    /// Debian's compiler with the sources of `core`, which is built as well.
    Debian,
}

/// Builds the image.
pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    let image = build(root)?;
    println!("firmware: {}", image.display());
    Ok(())
}

/// Builds the image and gives where it is.
fn build(root: &Path) -> Result<PathBuf, Failure> {
    let folder = process::target_folder(root).join("firmware");
    let toolchain = toolchain(root)?;
    let flags = flags(root, &toolchain)?;
    let mut command = match toolchain {
        Toolchain::Installed => Command::new(process::cargo()),
        Toolchain::Debian => {
            let mut command = Command::new(DEBIAN_CARGO);
            command.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1").args(["-Z", "build-std=core"]);
            command
        }
    };
    command.current_dir(root.join("firmware/board"));
    command.args(["build", "--release", "--locked", "--quiet", "--target", TARGET]);
    command.env("CARGO_TARGET_DIR", &folder).env("CARGO_ENCODED_RUSTFLAGS", flags);
    let ourselves =
        env::current_exe().map_err(|error| Failure::new(format!("expected our own path, but found {error}")))?;
    command.env("RUSTC_WRAPPER", ourselves).env(COMPILES, "1");
    // What cargo tells an xtask's children about the toolchain in use is not for another one.
    for name in ["RUSTUP_TOOLCHAIN", "RUSTFLAGS"] {
        if toolchain == Toolchain::Debian {
            command.env_remove(name);
        }
    }
    let status = command.status().map_err(|error| process::not_started(command.get_program(), &error))?;
    if !status.success() {
        let message = format!("expected the pump board's image to build, but found {status}");
        return Err(Failure::with_code(message, process::code(status)));
    }
    let image = folder.join("pump-board.elf");
    let built = folder.join(TARGET).join("release/pump-board");
    fs::copy(&built, &image)
        .map_err(|error| Failure::new(format!("expected the image at {}, but found: {error}", built.display())))?;
    // What the rig files of the library look for beside the image.
    let description = root.join(DESCRIPTION);
    fs::copy(&description, folder.join("mps2-an386.yaml")).map_err(|error| {
        Failure::new(format!("expected the chip's description at {}, but found: {error}", description.display()))
    })?;
    Ok(image)
}

/// Compiles as cargo's wrapper around the compiler: the crates that lie in the clone get a name for a hash that cargo
/// would make of their path, and by which functions are named and laid out.
pub(crate) fn compile(arguments: &[OsString]) -> Result<(), Failure> {
    let Some((rustc, arguments)) = arguments.split_first() else {
        return Err(Failure::usage("expected the compiler and its arguments, but found nothing"));
    };
    let status = Command::new(rustc).args(renamed(arguments)).status();
    let status = status.map_err(|error| process::not_started(rustc, &error))?;
    match process::code(status) {
        0 => Ok(()),
        code => Err(Failure::with_code("expected the compiler to pass, but it did not", code)),
    }
}

fn renamed(arguments: &[OsString]) -> Vec<OsString> {
    let named = arguments.iter().position(|argument| argument == "--crate-name").and_then(|at| arguments.get(at + 1));
    let Some(name) = named.and_then(|name| name.to_str()).filter(|name| OURS.contains(name)) else {
        return arguments.to_vec();
    };
    let hash = |argument: &OsString| argument.to_str().is_some_and(|argument| argument.starts_with("metadata="));
    let stable = OsString::from(format!("metadata={name}"));
    arguments.iter().map(|argument| if hash(argument) { stable.clone() } else { argument.clone() }).collect()
}

/// The toolchain that there is, installed if it can be.
fn toolchain(root: &Path) -> Result<Toolchain, Failure> {
    if has_core(root) {
        return Ok(Toolchain::Installed);
    }
    println!("firmware: adding the target {TARGET} to the toolchain");
    if process::output(root, OsStr::new("rustup"), &["target", "add", TARGET]).is_ok() && has_core(root) {
        return Ok(Toolchain::Installed);
    }
    let there = || debian_sources().is_some() && Path::new(DEBIAN_CARGO).exists() && linker().is_some();
    if there() || (process::install(root, &DEBIAN_PACKAGES) && there()) {
        return Ok(Toolchain::Debian);
    }
    Err(Failure::new(format!(
        "expected a toolchain for {TARGET}, but found none; install one with `rustup target add {TARGET}`, or on Debian \
         with `apt-get install {}`",
        DEBIAN_PACKAGES.join(" ")
    )))
}

/// Whether the toolchain in use has `core` for the target.
fn has_core(root: &Path) -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    process::output(root, &rustc, &["--print", "target-libdir", "--target", TARGET])
        .is_ok_and(|folder| fs::read_dir(folder.trim()).is_ok_and(|mut entries| entries.next().is_some()))
}

/// Debian's sources of `core`.
fn debian_sources() -> Option<PathBuf> {
    let entries = fs::read_dir("/usr/src").ok()?;
    let sources = |path: &PathBuf| path.join("library/core").is_dir();
    entries.filter_map(|entry| Some(entry.ok()?.path())).find(sources)
}

/// A linker that knows Arm, for a toolchain that brings none.
fn linker() -> Option<&'static str> {
    ["arm-none-eabi-ld", "rust-lld", "ld.lld"].into_iter().find(|name| process::is_on_path(name))
}

/// The compiler's flags: the linker scripts, and every path of this machine written as a name.
fn flags(root: &Path, toolchain: &Toolchain) -> Result<OsString, Failure> {
    let mut flags: Vec<String> =
        ["-Clink-arg=-Tlink.x", "-Clink-arg=-Tdefmt.x", "-Clink-arg=--nmagic"].into_iter().map(str::to_owned).collect();
    let mut name = |path: &Path, name: &str| flags.push(format!("--remap-path-prefix={}={name}", path.display()));
    name(root, "dosebench");
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    if let Some(home) = home {
        name(&home, "cargo");
        // A folder for each registry, named after where it is reached from here.
        for registry in fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten() {
            name(&registry.path(), "crates");
        }
    }
    name(&process::target_folder(root), "target");
    if *toolchain == Toolchain::Debian {
        if let Some(sources) = debian_sources() {
            name(&sources, "rust");
        }
        let linker = linker().ok_or_else(|| Failure::new("expected a linker for Arm, but found none".to_owned()))?;
        flags.push(format!("-Clinker={linker}"));
    }
    Ok(flags.join("\u{1f}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_in_the_clone_is_renamed() {
        let check = |name: &str, expect: &str| {
            let arguments = ["--crate-name", name, "-C", "metadata=1f", "-C", "extra-filename=-1f"].map(OsString::from);
            assert_eq!(renamed(&arguments)[3], expect, "{name}");
        };
        check("logic", "metadata=logic");
        check("crc", "metadata=1f");
    }

    #[test]
    fn no_path_of_this_machine_is_left_in_the_image() {
        let flags = flags(Path::new("/somewhere/clone"), &Toolchain::Installed).expect("nothing is missing");
        let flags = flags.into_string().expect("text");
        assert!(flags.split('\u{1f}').any(|flag| flag == "--remap-path-prefix=/somewhere/clone=dosebench"), "{flags}");
        assert!(flags.starts_with("-Clink-arg=-Tlink.x\u{1f}"), "{flags}");
    }
}
