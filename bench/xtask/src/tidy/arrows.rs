//! Arrows: which crate of the workspace may depend on which, held against what `cargo metadata` says.
//! A new arrow is a decision about the structure; a new crate stands on the map as well.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::Violation;
use super::tree::Tree;
use crate::failure::Failure;
use crate::process;

/// `a <- b`: b may depend on a. Arrows are transitive; where several stand on one side, each does.
const ARROWS: &str = "
wire <- logic
domain <- text <- scenario <- engine
domain <- measure <- engine
domain <- record, store
record, measure <- reports
domain, wire <- drivers
domain, wire, logic <- sim
text, drivers, sim, vprobe <- rig
scenario, engine, record, rig <- daemon
engine, store, record <- server
daemon, reports, probe, server <- cli
";

/// Crates whose package is not called as in the list: (list, package).
const RENAMED: [(&str, &str); 1] = [("cli", "dosebench")];

/// Crates that use none of ours, not even in tests.
const ALONE: [&str; 1] = ["xtask"];

/// Packages for one crate only: (package, the crate that may have it).
const RESERVED: [(&str, &str); 3] = [("polars", "reports"), ("plotters", "reports"), ("typst", "reports")];

/// One crate of the workspace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// The package's name.
    pub(super) name: String,
    /// Its folder from the root.
    pub(super) folder: String,
    /// What it depends on.
    pub(super) dependencies: Vec<Dependency>,
}

/// One entry of a dependency table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dependency {
    name: String,
    /// In `[dev-dependencies]`.
    dev: bool,
}

/// Asks cargo for the workspace's crates; needs no network.
pub(super) fn members(root: &Path) -> Result<Vec<Member>, Failure> {
    let arguments = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let text = process::output(root, &process::cargo(), &arguments)?;
    parse_members(&text).ok_or_else(|| {
        Failure::new("expected packages with their dependencies from `cargo metadata`, but found another form")
    })
}

fn parse_members(text: &str) -> Option<Vec<Member>> {
    let metadata: Value = serde_json::from_str(text).ok()?;
    let root = metadata["workspace_root"].as_str()?;
    let packages = metadata["packages"].as_array()?;
    packages.iter().map(|package| parse_member(root, package)).collect()
}

fn parse_member(root: &str, package: &Value) -> Option<Member> {
    let manifest = Path::new(package["manifest_path"].as_str()?);
    let folder = manifest.strip_prefix(root).ok()?.parent()?;
    let mut dependencies = Vec::new();
    for dependency in package["dependencies"].as_array()? {
        dependencies.push(Dependency {
            name: dependency["name"].as_str()?.to_string(),
            dev: dependency["kind"].as_str() == Some("dev"),
        });
    }
    Some(Member {
        name: package["name"].as_str()?.to_string(),
        folder: folder.to_str()?.replace('\\', "/"),
        dependencies,
    })
}

/// One violation a dependency against the arrows, and one a crate that the list and the workspace do not share.
pub(super) fn check(tree: &Tree, members: &[Member]) -> Vec<Violation> {
    let allowed = closure(&parse_arrows(ARROWS));
    let ours: BTreeSet<&str> = members.iter().map(|member| member.name.as_str()).collect();
    let mut violations = Vec::new();
    for name in allowed.keys().filter(|name| !ours.contains(name.as_str())) {
        violations.push(Violation::new(
            "Cargo.toml",
            1,
            format!("the crate `{name}` of the list of arrows in the workspace"),
            "none of this name",
        ));
    }
    for member in members {
        let alone = ALONE.contains(&member.name.as_str());
        if !alone && !allowed.contains_key(&member.name) {
            violations.push(Violation::new(
                manifest(member),
                1,
                "a crate that the list of arrows knows",
                format!("`{}`", member.name),
            ));
            continue;
        }
        let none = BTreeSet::new();
        let may = allowed.get(&member.name).unwrap_or(&none);
        for dependency in &member.dependencies {
            let exempt = dependency.dev && !alone;
            let known = !ours.contains(dependency.name.as_str()) || may.contains(&dependency.name);
            if !exempt && !known {
                violations.push(against_arrows(tree, member, dependency, may));
            }
            violations.extend(against_reserve(tree, member, dependency));
        }
    }
    violations
}

fn against_arrows(tree: &Tree, member: &Member, dependency: &Dependency, may: &BTreeSet<String>) -> Violation {
    let may: Vec<&str> = may.iter().map(String::as_str).collect();
    let may = match may.as_slice() {
        [] => "none of our crates".to_string(),
        names => format!("none of our crates but {}", names.join(", ")),
    };
    Violation::new(
        manifest(member),
        line(tree, member, &dependency.name),
        format!("`{}` to depend on {may}", member.name),
        format!("`{}`", dependency.name),
    )
}

fn against_reserve(tree: &Tree, member: &Member, dependency: &Dependency) -> Option<Violation> {
    let (package, owner) = RESERVED.iter().find(|(package, _)| {
        let rest = dependency.name.strip_prefix(package);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })?;
    (member.name != *owner).then(|| {
        Violation::new(
            manifest(member),
            line(tree, member, &dependency.name),
            format!("`{package}` in the crate `{owner}` only"),
            format!("`{}` in `{}`", dependency.name, member.name),
        )
    })
}

fn manifest(member: &Member) -> String {
    format!("{}/Cargo.toml", member.folder)
}

/// The line of the manifest that names the dependency; the first line if it is written in another way.
fn line(tree: &Tree, member: &Member, dependency: &str) -> usize {
    let Some(file) = tree.files.get(&manifest(member)) else {
        return 1;
    };
    let names = |line: &str| {
        let rest = line.strip_prefix(dependency);
        rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    file.text.lines().position(names).map_or(1, |index| index + 1)
}

/// Each crate of the list with those it may depend on directly, by package name.
fn parse_arrows(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut direct: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let stages: Vec<Vec<String>> = line.split("<-").map(|stage| stage.split(',').map(package).collect()).collect();
        for name in stages.iter().flatten() {
            direct.entry(name.clone()).or_default();
        }
        for pair in stages.windows(2) {
            for upper in &pair[1] {
                let lower = direct.entry(upper.clone()).or_default();
                lower.extend(pair[0].iter().cloned());
            }
        }
    }
    direct
}

fn package(name: &str) -> String {
    let name = name.trim();
    let renamed = RENAMED.iter().find(|(list, _)| *list == name);
    renamed.map_or(name, |(_, package)| package).to_string()
}

/// The same with arrows followed to their ends.
fn closure(direct: &BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for name in direct.keys() {
        let mut reached = BTreeSet::new();
        let mut open = vec![name];
        while let Some(next) = open.pop() {
            for lower in &direct[next] {
                if reached.insert(lower.clone()) {
                    open.push(lower);
                }
            }
        }
        all.insert(name.clone(), reached);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::expect_violations;
    use super::*;

    /// A workspace as the list wants it, with one dependency more.
    fn check_one(member: &str, dependency: &str, dev: bool, expect: &[&str]) {
        let mut names: Vec<String> = parse_arrows(ARROWS).into_keys().collect();
        names.push("xtask".to_string());
        let mut members: Vec<Member> = names
            .into_iter()
            .map(|name| Member { folder: format!("bench/{name}"), name, dependencies: Vec::new() })
            .collect();
        let place = members.iter_mut().find(|known| known.name == member);
        place.expect("the list names this crate").dependencies.push(Dependency { name: dependency.to_string(), dev });
        let manifest = format!("[package]\n\n[dependencies]\n{dependency}.workspace = true\n");
        let tree = Tree::of(&[(&format!("bench/{member}/Cargo.toml"), &manifest)]);
        expect_violations(check(&tree, &members), expect);
    }

    #[test]
    fn arrows_are_transitive() {
        check_one("engine", "scenario", false, &[]);
        check_one("dosebench", "wire", false, &[]);
        check_one("reports", "domain", false, &[]);
        check_one("engine", "serde", false, &[]);
    }

    #[test]
    fn dependencies_against_the_arrows_are_named() {
        check_one(
            "domain",
            "text",
            false,
            &["bench/domain/Cargo.toml:4: expected `domain` to depend on none of our crates, but found `text`"],
        );
        check_one(
            "sim",
            "daemon",
            false,
            &[
                "bench/sim/Cargo.toml:4: expected `sim` to depend on none of our crates but domain, logic, wire, but found `daemon`",
            ],
        );
    }

    #[test]
    fn tests_may_depend_on_more_but_for_the_workshop() {
        check_one("domain", "text", true, &[]);
        check_one(
            "xtask",
            "domain",
            true,
            &["bench/xtask/Cargo.toml:4: expected `xtask` to depend on none of our crates, but found `domain`"],
        );
    }

    #[test]
    fn reserved_packages_stay_in_their_crate() {
        check_one("reports", "polars", false, &[]);
        check_one("reports", "plotters-svg", false, &[]);
        check_one(
            "dosebench",
            "polars",
            false,
            &[
                "bench/dosebench/Cargo.toml:4: expected `polars` in the crate `reports` only, but found `polars` in `dosebench`",
            ],
        );
    }

    #[test]
    fn list_and_workspace_name_the_same_crates() {
        let mut members: Vec<Member> = Vec::new();
        for name in parse_arrows(ARROWS).into_keys().filter(|name| name != "text") {
            members.push(Member { folder: format!("bench/{name}"), name, dependencies: Vec::new() });
        }
        members.push(Member { name: "vent".into(), folder: "bench/vent".into(), dependencies: Vec::new() });
        expect_violations(
            check(&Tree::default(), &members),
            &[
                "Cargo.toml:1: expected the crate `text` of the list of arrows in the workspace, but found none of this name",
                "bench/vent/Cargo.toml:1: expected a crate that the list of arrows knows, but found `vent`",
            ],
        );
    }

    #[test]
    fn metadata_is_read() {
        let text = r#"{"workspace_root": "/r", "packages": [{"name": "x", "manifest_path": "/r/bench/x/Cargo.toml",
            "dependencies": [{"name": "a", "kind": null}, {"name": "b", "kind": "dev"}, {"name": "c", "kind": "build"}]}]}"#;
        let dependency = |name: &str, dev| Dependency { name: name.into(), dev };
        let expect = Member {
            name: "x".into(),
            folder: "bench/x".into(),
            dependencies: vec![dependency("a", false), dependency("b", true), dependency("c", false)],
        };
        assert_eq!(parse_members(text), Some(vec![expect]));
        assert_eq!(parse_members("{}"), None);
    }
}
