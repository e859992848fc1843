//! Old runs are removed by policy, and only those that it may remove.

use std::path::Path;

use crate::common::Bench;
use crate::daemon::Daemon;

/// Makes a run look older than it is.
fn age(folder: &Path) {
    let path = folder.join("summary.json");
    let mut summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).expect("a summary")).expect("JSON");
    summary["started"] = "2026-01-01T00:00:00Z".into();
    std::fs::write(path, summary.to_string()).expect("written");
}

#[test]
fn only_old_runs_that_passed_and_are_no_ones_evidence_go() {
    let bench = Bench::new();
    let run = |rig: &str, purpose: &str, old: bool| {
        let done = bench.run("smoke/short-bolus", &["--rig", rig, "--purpose", purpose]);
        if old {
            age(&done.folder());
        }
        done.folder()
    };
    let passed = run("virtual", "nightly", true);
    let stays = [
        run("virtual", "nightly", false),
        run("virtual", "engineering", true),
        run("virtual", "verification", true),
        run("virtual-leaky", "nightly", true),
    ];
    let unfinished = run("virtual", "nightly", true);
    std::fs::remove_file(unfinished.join("manifest.json")).expect("removed");
    for (keep, says) in [
        ("verification=1 d", "expected a purpose whose runs may be removed"),
        ("nightly=1 s", "expected runs to be kept for 1 h at least"),
        ("nightly", "expected NAME=VALUE"),
    ] {
        let output = bench.output(&["prune", "--keep", keep]);
        assert_eq!(output.status.code(), Some(2), "{keep}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(says), "{keep}: {output:?}");
    }
    let dry = bench.output(&["prune", "--keep", "nightly=30 d", "--dry-run"]);
    let said = String::from_utf8_lossy(&dry.stdout).into_owned();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("would be removed: nightly") && passed.exists(), "{said}");
    // The daemon does it by itself, and tells Prometheus how it stands.
    std::os::unix::fs::symlink(bench.path("runs"), bench.path("served")).expect("a link");
    let daemon = Daemon::with(&bench, "virtual", &["--keep", "nightly=30 d"]);
    crate::server::eventually("it is removed", std::time::Duration::from_secs(10), || !passed.exists());
    assert!(stays.iter().all(|folder| folder.exists()) && unfinished.exists());
    let figures = daemon.text("/api/v1/metrics");
    for line in [
        "dosebench_jobs_open{station=\"1\",state=\"queued\"} 0.0",
        "dosebench_station_state{station=\"1\",state=\"free\"} 1.0",
        "dosebench_certificate_due_days{station=\"1\",instrument=\"balance\"}",
        "dosebench_runs_free_bytes ",
        "# EOF",
    ] {
        assert!(figures.contains(line), "{line}: {figures}");
    }
    daemon.stop();
    let audit = String::from_utf8_lossy(&bench.output(&["audit", "show"]).stdout).into_owned();
    assert!(audit.contains("run.removed") && audit.contains("manifest_sha256"), "{audit}");
    assert!(bench.output(&["audit", "verify"]).status.success());
}
