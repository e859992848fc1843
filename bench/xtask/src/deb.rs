//! `cargo xtask deb`: a Debian package of the program, its systemd unit and its documents, in the target folder.
//!
//! It is made by Debian's own `dpkg-deb`. What it installs runs nothing: whoever names a rig file enables the unit.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::process;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What goes where: from the repository's root, to its place, and its mode.
const FILES: [(&str, &str, u32); 5] = [
    ("bench/server/dosebench.service", "usr/lib/systemd/system/dosebench.service", 0o644),
    ("bench/DAEMON.md", "usr/share/doc/dosebench/DAEMON.md", 0o644),
    ("README.md", "usr/share/doc/dosebench/README.md", 0o644),
    ("bench/server/openapi.json", "usr/share/doc/dosebench/openapi.json", 0o644),
    ("fixtures/rigs/virtual.yaml", "usr/share/doc/dosebench/examples/rig.yaml", 0o644),
];

/// A user for the daemon, and the folder that all users of the host share.
const AFTER_INSTALL: &str = "#!/bin/sh
set -e
if [ \"$1\" = configure ]; then
    getent group dialout >/dev/null || groupadd --system dialout
    getent passwd dosebench >/dev/null || \\
        useradd --system --user-group --groups dialout --home-dir /var/lib/dosebench --no-create-home \\
            --shell /usr/sbin/nologin dosebench
    install -d -m 2775 -o dosebench -g dialout /var/lib/dosebench
    install -d -m 0755 /etc/dosebench
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        # The next daemon is of this version, and takes up the jobs of the one before.
        if [ -n \"$2\" ]; then systemctl kill -s KILL --kill-who=main dosebench.service || true; fi
    fi
fi
";

/// Stations are left safe before the program goes; an update takes no run with it.
const BEFORE_REMOVAL: &str = "#!/bin/sh
set -e
if [ \"$1\" = remove ] && [ -d /run/systemd/system ]; then systemctl disable --now dosebench.service || true; fi
";

/// The unit is forgotten.
const AFTER_REMOVAL: &str = "#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
";

fn control(architecture: &str, glibc: &str, installed_kib: u64) -> String {
    format!(
        "Package: dosebench
Version: {VERSION}
Architecture: {architecture}
Maintainer: the dosebench authors <dosebench@localhost>
Installed-Size: {installed_kib}
Depends: libc6 (>= {glibc})
Recommends: chrony | systemd-timesyncd
Suggests: qemu-system-arm
Section: science
Priority: optional
Description: test bench for the board of an implantable infusion pump
 Runs scenarios against a real or simulated pump board on a rig, measures the
 delivered volume against the commanded dose with its uncertainty, and writes
 accuracy reports. `systemctl enable --now dosebench` serves the rig that
 /etc/dosebench/rig.yaml describes.
"
    )
}

/// Builds the package, of the release profile unless `dev` is said, and says how it is installed.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<(), Failure> {
    let profile = match words {
        [] => "release",
        ["dev"] => "dev",
        _ => return Err(Failure::new(format!("expected 'deb' or 'deb dev', but found 'deb {}'", words.join(" ")))),
    };
    let to = package(root, profile)?.display().to_string();
    println!("{to}: install it with `sudo apt install {to}`");
    Ok(())
}

/// Builds the package of a profile; where it is.
pub(crate) fn package(root: &Path, profile: &str) -> Result<PathBuf, Failure> {
    process::run(root, &process::cargo(), &["build", "--locked", "--bin", "dosebench", "--profile", profile])?;
    let target = process::target_folder(root);
    let architecture = process::output(root, "dpkg".as_ref(), &["--print-architecture"])?.trim().to_owned();
    // What it was linked with here is what it needs there.
    let glibc = process::output(root, "getconf".as_ref(), &["GNU_LIBC_VERSION"])?;
    let glibc = glibc.trim().trim_start_matches("glibc ");
    let tree = target.join("deb");
    drop(fs::remove_dir_all(&tree));
    place(&program(root, profile), &tree.join("usr/bin/dosebench"), 0o755)?;
    let stripped = tree.join("usr/bin/dosebench").display().to_string();
    process::output(root, "strip".as_ref(), &[&stripped])?;
    for (from, to, mode) in FILES {
        place(&root.join(from), &tree.join(to), mode)?;
    }
    let installed = fs::metadata(&stripped).map_err(|why| failed(&tree, &why))?.len() / 1024;
    for (name, text, mode) in [
        ("control", control(&architecture, glibc, installed).as_str(), 0o644),
        ("postinst", AFTER_INSTALL, 0o755),
        ("prerm", BEFORE_REMOVAL, 0o755),
        ("postrm", AFTER_REMOVAL, 0o755),
    ] {
        write(&tree.join("DEBIAN").join(name), text, mode)?;
    }
    let package = target.join(format!("dosebench_{VERSION}_{architecture}.deb"));
    let (from, to) = (tree.display().to_string(), package.display().to_string());
    process::output(root, "dpkg-deb".as_ref(), &["--root-owner-group", "--build", &from, &to])?;
    Ok(package)
}

/// The program of a profile, once it is built.
pub(crate) fn program(root: &Path, profile: &str) -> PathBuf {
    process::target_folder(root).join(if profile == "dev" { "debug" } else { profile }).join("dosebench")
}

fn place(from: &Path, to: &Path, mode: u32) -> Result<(), Failure> {
    parent(to)?;
    fs::copy(from, to).map_err(|why| failed(from, &why))?;
    fs::set_permissions(to, Permissions::from_mode(mode)).map_err(|why| failed(to, &why))
}

fn write(to: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    parent(to)?;
    fs::write(to, text).map_err(|why| failed(to, &why))?;
    fs::set_permissions(to, Permissions::from_mode(mode)).map_err(|why| failed(to, &why))
}

fn parent(of: &Path) -> Result<(), Failure> {
    let folder = of.parent().map_or_else(PathBuf::new, Path::to_owned);
    fs::create_dir_all(&folder).map_err(|why| failed(&folder, &why))
}

fn failed(path: &Path, why: &std::io::Error) -> Failure {
    Failure::new(format!("expected to read or write {}, but {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_package_holds_is_there_and_its_unit_runs_what_it_installs() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (from, to, _) in FILES {
            assert!(root.join(from).is_file(), "{from}");
            assert!(to.starts_with("usr/"), "{to}");
        }
        let unit = fs::read_to_string(root.join("bench/server/dosebench.service")).expect("a unit");
        assert!(unit.contains("ExecStart=/usr/bin/dosebench serve --rig /etc/dosebench/rig.yaml"));
        assert!(
            unit.contains("\nGroup=dialout\n") && AFTER_INSTALL.contains("-o dosebench -g dialout /var/lib/dosebench")
        );
        assert!(unit.contains("User=dosebench\n") && AFTER_INSTALL.contains("/nologin dosebench\n"));
        assert!(unit.contains("file:/usr/share/doc/dosebench/DAEMON.md"));
        let control = control("amd64", "2.36", 17);
        assert!(
            control.contains("\nArchitecture: amd64\n")
                && control.contains("libc6 (>= 2.36)\n")
                && control.ends_with("describes.\n")
        );
        assert!(control.lines().all(|line| !line.is_empty()), "an empty line would end it");
    }
}
