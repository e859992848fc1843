//! What a record says of its run beside the events: labels, which take no part in the stream's digest.
//!
//! They stand in each segment as the MCAP metadata record `run`; the last segment closes with another, `end`.

use std::collections::BTreeMap;

use domain::event::HostClocks;

use crate::write::Finished;

/// The name of the metadata record at a segment's beginning.
const RUN: &str = "run";
/// The name of the metadata record at the stream's end.
const END: &str = "end";
/// The labels of the clocks at run time zero.
const ZERO_WALL: &str = "wall_at_zero";
const ZERO_BOOT: &str = "boot";
const ZERO_NS: &str = "since_boot_at_zero_ns";
/// What stands for a label that a torn file no longer tells.
const UNKNOWN: &str = "unknown";

/// The run's labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The run's id; `unknown`, as each of the others, where a torn file no longer tells it.
    pub run: String,
    /// When it began, by the wall clock, as RFC 3339.
    pub started: String,
    /// What it was for: `engineering`, `nightly` or `verification`.
    pub purpose: String,
    /// Who ran it, if somebody did.
    pub operator: Option<String>,
    /// The tool and its version.
    pub tool: String,
    /// The machine it ran on.
    pub host: String,
    /// Its clocks when run time was zero, where that is the time of a clock.
    pub zero: Option<HostClocks>,
}

impl Metadata {
    /// The labels of a run that are lost.
    pub(crate) fn unknown() -> Self {
        Self::from_labels(&BTreeMap::new())
    }

    fn from_labels(labels: &BTreeMap<String, String>) -> Self {
        let label = |name: &str| labels.get(name).map_or(UNKNOWN, String::as_str).to_owned();
        Self {
            run: label("run"),
            started: label("started"),
            purpose: label("purpose"),
            operator: labels.get("operator").cloned(),
            tool: label("tool"),
            host: label("host"),
            zero: zero(labels),
        }
    }

    /// The metadata record of a segment.
    pub(crate) fn to_record(&self, segment: u32) -> mcap::records::Metadata {
        let mut labels: BTreeMap<String, String> = [
            ("run", self.run.clone()),
            ("started", self.started.clone()),
            ("purpose", self.purpose.clone()),
            ("tool", self.tool.clone()),
            ("host", self.host.clone()),
            ("segment", segment.to_string()),
            ("format", domain::event::FORMAT.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if let Some(operator) = &self.operator {
            labels.insert("operator".to_owned(), operator.clone());
        }
        if let Some(HostClocks { wall, boot, since_boot_ns }) = &self.zero {
            let texts = [(ZERO_WALL, wall.clone()), (ZERO_BOOT, boot.clone()), (ZERO_NS, since_boot_ns.to_string())];
            labels.extend(texts.map(|(name, value)| (name.to_owned(), value)));
        }
        mcap::records::Metadata { name: RUN.to_owned(), metadata: labels }
    }
}

fn zero(labels: &BTreeMap<String, String>) -> Option<HostClocks> {
    let text = |name: &str| labels.get(name).cloned();
    Some(HostClocks { wall: text(ZERO_WALL)?, boot: text(ZERO_BOOT)?, since_boot_ns: text(ZERO_NS)?.parse().ok()? })
}

/// What the record's end says, to be compared with what was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct End {
    /// How long the run took by the wall clock.
    pub(crate) wall_seconds: f64,
    /// The events and their digest as the writer knew them.
    pub(crate) finished: Finished,
}

impl End {
    /// The metadata record of it.
    pub(crate) fn to_record(&self) -> mcap::records::Metadata {
        let labels = [
            ("wall_seconds", self.wall_seconds.to_string()),
            ("stream_sha256", self.finished.stream_sha256.clone()),
            ("events", self.finished.events.to_string()),
        ];
        mcap::records::Metadata {
            name: END.to_owned(),
            metadata: labels.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    fn from_labels(labels: &BTreeMap<String, String>) -> Option<Self> {
        Some(Self {
            wall_seconds: labels.get("wall_seconds")?.parse().ok()?,
            finished: Finished {
                stream_sha256: labels.get("stream_sha256")?.clone(),
                events: labels.get("events")?.parse().ok()?,
            },
        })
    }
}

/// A metadata record of ours.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Label {
    /// The run's labels.
    Run(Metadata),
    /// The stream's end.
    End(End),
}

impl Label {
    /// Understands the body of an MCAP metadata record, which may be damaged; a foreign one is none.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        let mut rest = body;
        let name = text(&mut rest)?;
        let size = usize::try_from(number(&mut rest)?).ok()?;
        let mut pairs = rest.get(..size)?;
        let mut labels = BTreeMap::new();
        while !pairs.is_empty() {
            labels.insert(text(&mut pairs)?, text(&mut pairs)?);
        }
        match name.as_str() {
            RUN => Some(Self::Run(Metadata::from_labels(&labels))),
            END => End::from_labels(&labels).map(Self::End),
            _ => None,
        }
    }
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(u32::from_le_bytes(*bytes))
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let size = usize::try_from(number(rest)?).ok()?;
    let (bytes, behind) = rest.split_at_checked(size)?;
    *rest = behind;
    String::from_utf8(bytes.to_vec()).ok()
}
