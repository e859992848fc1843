//! What people state about a run for its report, and no machine can know: the protocol's words, the site's papers.
//!
//! Texts as they were written in the scenario and the rig file. Nothing here decides anything; what is not stated is `None` or
//! empty, and a report says that it was not given.

use serde::{Deserialize, Serialize};

/// A test protocol under revision control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protocol {
    /// Its number.
    pub id: String,
    /// Its revision.
    pub revision: Option<String>,
}

/// Everything that was stated for the report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stated {
    /// By the scenario, which carries the protocol out.
    pub test: TestStated,
    /// By the rig file, which belongs to a site.
    pub site: SiteStated,
}

/// What a protocol states of its test.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TestStated {
    /// What the test is to show.
    pub objective: Option<String>,
    /// What was done to the device before the test.
    pub conditioning: Option<String>,
    /// Whether the device is the finished one, and if not why it stands for it.
    pub finished_device: Option<String>,
    /// How many units are tested.
    pub units: Option<String>,
    /// How many runs a unit.
    pub runs: Option<String>,
    /// The confidence that is wanted.
    pub confidence: Option<String>,
    /// The reliability that is wanted.
    pub reliability: Option<String>,
    /// Why that sample is large enough.
    pub sample_rationale: Option<String>,
    /// How the data are to be analysed.
    pub data_analysis: Option<String>,
    /// The standard, with its edition, that the method is adapted from.
    pub standard: Option<String>,
    /// Where the method departs from that by plan, a sentence each.
    pub deviations: Vec<String>,
    /// Who approved the protocol.
    pub approvals: Vec<Approval>,
}

/// An approval of the protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who, as printed.
    pub name: String,
    /// When, as written.
    pub date: String,
    /// What the signature means: author, reviewer, approver.
    pub meaning: String,
}

/// What a rig file states of its site.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SiteStated {
    /// Where the rig stands.
    pub name: Option<String>,
    /// Whether the site has validated this tool, and where that is written.
    pub tool_validation: Option<String>,
    /// What the machine's clock is set by.
    pub clock: Option<String>,
    /// What the instruments' papers say.
    pub papers: Vec<Papers>,
}

/// That somebody takes it upon himself to run with a certificate that falls due before the planned end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverdueAccepted {
    /// Who, as the system names him.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What an instrument's papers say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Papers {
    /// The instrument's name in the rig file.
    pub instrument: String,
    /// The certificate's number; of a balance it stands in its calibration.
    pub certificate: Option<String>,
    /// The day the calibration falls due, `YYYY-MM-DD`.
    pub due: Option<String>,
    /// The calibrated range.
    pub range: Option<String>,
    /// The expanded uncertainty, with its coverage factor.
    pub uncertainty: Option<String>,
}

impl SiteStated {
    /// The papers of the instrument of that name, if any are stated.
    #[must_use]
    pub fn papers_of(&self, instrument: &str) -> Option<&Papers> {
        self.papers.iter().find(|papers| papers.instrument == instrument)
    }
}
