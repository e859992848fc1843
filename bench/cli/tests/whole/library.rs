//! The library: every file is embedded, every scenario resolves on every rig that has what it needs, and what is
//! generated from the registry stands in the repository as it is made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use domain::profile::Role;
use rig::RigFile;
use scenario::Document;
use text::Source;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn yaml_files(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            yaml_files(&path, &format!("{prefix}{name}/"), found);
        } else if path.extension().is_some_and(|e| e == "yaml") {
            found.insert(format!("{prefix}{name}"));
        }
    }
}

fn embedded(library: &[(&str, &str)]) -> BTreeSet<String> {
    library.iter().map(|(name, _)| (*name).to_owned()).collect()
}

#[test]
fn every_file_is_embedded() {
    let mut scenarios = BTreeSet::new();
    yaml_files(&root().join("scenarios"), "", &mut scenarios);
    assert_eq!(scenarios, embedded(scenario::library::SCENARIOS));
    let mut rigs = BTreeSet::new();
    yaml_files(&root().join("fixtures/rigs"), "", &mut rigs);
    assert_eq!(rigs, embedded(rig::library::RIGS));
}

fn source(name: &str, text: &str) -> Source {
    Source::new(name, text.as_bytes().to_vec()).expect("small and UTF-8")
}

#[test]
fn every_scenario_resolves_on_every_rig() {
    for (rig_name, text) in rig::library::RIGS {
        let rig_source = source(rig_name, text);
        let rig = RigFile::parse(&rig_source).unwrap_or_else(|p| panic!("{}", p.render(&rig_source)));
        assert_eq!(rig.name(), *rig_name);
        let profile = &rig.station(None).expect("a station").profile;
        for (name, text) in scenario::library::SCENARIOS {
            let source = source(name, text);
            // A rig without valve, supply and plant has what the volumes need, and refuses the rest by name; what is done
            // to the firmware needs a debug probe, and what needs a bath needs one.
            let probed = profile.by_role(Role::Probe).is_some() || !name.starts_with("firmware/");
            let bathed = profile.by_role(Role::Bath).is_some() || !text.contains("\nneeds:\n  bath:");
            let whole = profile.by_role(Role::Supply).is_some() && probed && bathed;
            let document = Document::parse(source.clone()).unwrap_or_else(|p| panic!("{}", p.render(&source)));
            for variant in document.variants(&[]).expect("few") {
                match scenario::resolve(&document, &variant, profile) {
                    Ok(_) => {}
                    Err(problems) if !whole => {
                        let shown = problems.render(&source);
                        assert!(shown.contains("has none"), "{shown}");
                    }
                    Err(problems) => panic!("{}", problems.render(&source)),
                }
            }
        }
    }
}

#[test]
fn the_examples_of_the_step_reference_are_right() {
    let (_, text) = rig::library::RIGS[0];
    let rig = RigFile::parse(&source("virtual", text)).expect("the rig loads");
    let profile = &rig.station(None).expect("a station").profile;
    let mut scenario = "scenario: every step\n\
                        weighing: {before: 60 s, after: 60 s, evaporation changes at most: 1 ug/s}\nsteps:\n"
        .to_owned();
    // What is flashed is flashed first.
    let flash = |spec: &&scenario::steps::StepSpec| spec.variant.key == "flash";
    let (first, others) = (scenario::steps::REGISTRY.iter().filter(flash), scenario::steps::REGISTRY.iter());
    for spec in first.chain(others.filter(|spec| !flash(spec))) {
        scenario.push_str(&format!("  {}\n", spec.example.replace('\n', "\n  ")));
    }
    let source = source("every-step.yaml", &scenario);
    let document = Document::parse(source.clone()).unwrap_or_else(|p| panic!("{}", p.render(&source)));
    scenario::resolve(&document, &[], profile).unwrap_or_else(|p| panic!("{}", p.render(&source)));
}

#[test]
fn what_is_generated_is_what_stands_in_the_repository() {
    let pretty = |v: &serde_json::Value| serde_json::to_string_pretty(v).expect("JSON") + "\n";
    let files = [
        ("scenarios/scenario.schema.json", pretty(&scenario::schema())),
        ("scenarios/steps.md", scenario::step_reference()),
        ("fixtures/rigs/rig.schema.json", pretty(&rig::schema())),
    ];
    for (path, made) in files {
        let path = root().join(path);
        if std::env::var_os("DOSEBENCH_BLESS").is_some() {
            std::fs::write(&path, &made).expect("written");
        }
        let stands = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(stands, made, "{}: run this test with DOSEBENCH_BLESS=1 to write it again", path.display());
    }
}
