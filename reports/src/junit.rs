//! `junit.xml`: a run as CI systems show it, a test suite a run and a test case a check.
//!
//! Nothing but exit code 0 is green: a fail is a failure, inconclusive a failure of that type, what was not decided
//! an error; a run that ended as error, aborted or not run has a test case `run` of its own that says why.

use std::path::PathBuf;
use std::time::Duration;

use domain::{CheckVerdict, RunVerdict, Tier};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::error::ReportError;
use crate::number::{plain, uncertain, unit};
use crate::story::Story;
use crate::summary::{CheckSummary, Summary};

const FILE: &str = "junit.xml";

/// The file's text.
///
/// # Errors
/// Only if it cannot be serialised, which would be a fault of this program.
pub(crate) fn junit_xml(summary: &Summary, story: &Story) -> Result<String, ReportError> {
    let mut suite = TestSuite::new(summary.scenario.as_str());
    for (name, value) in properties(summary) {
        suite.add_property((name, value.as_str()));
    }
    for check in &summary.checks {
        let reason = story.checks.iter().find(|c| c.head.name == check.name).and_then(|c| c.reason.as_deref());
        suite.add_test_case(case(&summary.scenario, &check.name, status(check, reason)));
    }
    if needs_case_of_its_own(summary) {
        suite.add_test_case(case(&summary.scenario, "run", run_status(summary)));
    }
    let mut report = Report::new("dosebench");
    if let Some(seconds) = summary.rig_seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()) {
        suite.set_time(seconds);
        report.set_time(seconds);
    }
    report.add_test_suite(suite);
    report.to_string().map_err(|why| ReportError::made(FILE, &why))
}

/// The JUnit results of several runs in one file, from the `junit.xml` of each. A run without one is an error in it.
///
/// `unfinished` says why not everything that was asked for was done, and is an error of its own.
///
/// # Errors
/// Only if the result cannot be serialised, which would be a fault of this program.
pub fn combined_junit(folders: &[PathBuf], unfinished: Option<&str>) -> Result<String, ReportError> {
    let mut combined = Report::new("dosebench");
    for folder in folders {
        let path = folder.join(FILE);
        let read = std::fs::read_to_string(&path).map_err(|e| e.to_string());
        match read.and_then(|xml| Report::deserialize_from_str(&xml).map_err(|e| e.to_string())) {
            Ok(one) => drop(combined.add_test_suites(one.test_suites)),
            Err(why) => {
                let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let mut suite = TestSuite::new(name.as_str());
                let message = format!("the run left no results that can be read: {why}");
                suite.add_test_case(case(&name, "run", not_passed(NonSuccessKind::Error, "error", &message)));
                combined.add_test_suite(suite);
            }
        }
    }
    if let Some(why) = unfinished {
        let mut suite = TestSuite::new("dosebench");
        suite.add_test_case(case("dosebench", "every run", not_passed(NonSuccessKind::Error, "aborted", why)));
        combined.add_test_suite(suite);
    }
    combined.to_string().map_err(|why| ReportError::made(FILE, &why))
}

/// A run whose verdict no check shows must not look green.
fn needs_case_of_its_own(summary: &Summary) -> bool {
    let shown = |verdict| summary.checks.iter().any(|check| check.verdict == verdict);
    match summary.verdict {
        RunVerdict::Pass => false,
        RunVerdict::Fail => !shown(CheckVerdict::Fail),
        RunVerdict::Inconclusive => !shown(CheckVerdict::Inconclusive),
        RunVerdict::Error | RunVerdict::Aborted | RunVerdict::NotRun => true,
    }
}

fn case(scenario: &str, name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(scenario);
    case
}

fn status(check: &CheckSummary, reason: Option<&str>) -> TestCaseStatus {
    let message = message(check, reason);
    match check.verdict {
        CheckVerdict::Pass => TestCaseStatus::success(),
        CheckVerdict::Fail => not_passed(NonSuccessKind::Failure, "fail", &message),
        CheckVerdict::Inconclusive => not_passed(NonSuccessKind::Failure, "inconclusive", &message),
        CheckVerdict::NotRun => not_passed(NonSuccessKind::Error, "not_run", &message),
    }
}

fn run_status(summary: &Summary) -> TestCaseStatus {
    let kind = match summary.verdict {
        RunVerdict::Fail | RunVerdict::Inconclusive => NonSuccessKind::Failure,
        _ => NonSuccessKind::Error,
    };
    not_passed(kind, summary.verdict.name(), summary.reason.as_deref().unwrap_or("no reason is on record"))
}

fn not_passed(kind: NonSuccessKind, sort: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(sort).set_message(message);
    status
}

/// What a check measured and what was allowed, on one line.
fn message(check: &CheckSummary, reason: Option<&str>) -> String {
    let mut parts = Vec::new();
    let unit = check.unit.as_deref().map(unit).unwrap_or_default();
    if let Some(value) = check.value {
        let (value, u) = uncertain(value, check.expanded_uncertainty);
        let u = u.map(|u| format!(" ± {u}")).unwrap_or_default();
        parts.push(format!("{value}{u} {unit}").trim_end().to_owned());
    }
    match (check.limit_low, check.limit_high) {
        (Some(low), Some(high)) => parts.push(format!("allowed {} to {} {unit}", plain(low), plain(high))),
        (Some(low), None) => parts.push(format!("allowed from {} {unit}", plain(low))),
        (None, Some(high)) => parts.push(format!("allowed up to {} {unit}", plain(high))),
        (None, None) => {}
    }
    parts.extend(reason.map(str::to_owned));
    if parts.is_empty() {
        parts.push(match check.verdict {
            CheckVerdict::NotRun => "never decided: the run ended before".to_owned(),
            _ => "no value is on record".to_owned(),
        });
    }
    parts.join("; ")
}

fn properties(summary: &Summary) -> Vec<(&'static str, String)> {
    vec![
        ("run", summary.run.clone()),
        ("verdict", summary.verdict.name().to_owned()),
        ("rig", summary.rig.clone()),
        ("tier", summary.tier.map_or("unknown", Tier::name).to_owned()),
        ("station", summary.station.clone()),
        ("seed", summary.seed.to_string()),
        ("stream_sha256", summary.stream_sha256.clone()),
    ]
}
