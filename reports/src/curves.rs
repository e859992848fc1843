//! What the run's plots show: delivered volume against commanded dose, their difference, rates, and the raw channels.
//!
//! Volumes come from the same conversion as the checks' figures. It decides the units by the size of what is shown.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use domain::event::Phase;
use domain::profile::{InstrumentProfile, Role};
use domain::{RigProfile, RunTime, Status};
use measure::Ledger;

use crate::decimate::{Point, decimate, thin};
use crate::number;
use crate::plot::{Curve, Frame, Panel, Stroke, time_unit};
use crate::rates::{RateWindows, rate_windows};
use crate::series::{Delivered, Sample, Samples, moment};
use crate::story::Story;
use crate::trumpet::trumpet_panel;

/// Points of a curve in a drawing, at most.
pub(crate) const POINTS: usize = 2000;

/// Points for which the commanded dose is computed, at most.
const POINTS_COMPARED: usize = 40_000;

/// Plots of raw channels, at most.
const CHANNELS: usize = 12;

/// From this volume on, in µL, axes are in mL.
const MILLILITRES_FROM_UL: f64 = 2000.0;

/// The plots of a run, with the time that they share.
pub(crate) struct Plots {
    /// Time, gaps and steps.
    pub(crate) frame: Frame,
    /// The plots, the most telling first.
    pub(crate) panels: Vec<Panel>,
}

/// What a run's plots are made of, however many points they show.
pub(crate) struct Course<'a> {
    story: &'a Story,
    profile: &'a RigProfile,
    ledger: &'a Ledger,
    /// The delivered volume at each weighing, broken where the balance was away.
    delivered: Vec<Vec<Delivered>>,
    /// The plots over windows.
    windows: Vec<Panel>,
    /// The channels that are shown, each with its parts without a longer silence.
    channels: Vec<Channel<'a>>,
}

/// A channel as it is shown.
struct Channel<'a> {
    name: &'a str,
    unit: &'a str,
    samples: &'a Samples,
    parts: Vec<Range<usize>>,
}

impl<'a> Course<'a> {
    /// The course of a run.
    pub(crate) fn of(story: &'a Story, profile: &'a RigProfile, ledger: &'a Ledger) -> Self {
        let balance = profile.by_role(Role::Balance);
        let weighed = balance.and_then(|balance| Some((balance, mass_channel(balance)?)));
        let delivered = weighed.map_or_else(Vec::new, |(balance, mass)| delivered(story, balance, mass, ledger));
        let mut windows = Vec::new();
        if !delivered.is_empty() {
            let flat: Cow<'_, [Delivered]> = match delivered.as_slice() {
                [one] => Cow::Borrowed(one),
                several => Cow::Owned(several.concat()),
            };
            let rates = rate_windows(story, profile, ledger, &flat);
            windows.extend(rates.map(|rates| rate_panel(&TimeAxis::of(story), &rates)));
            windows.extend(trumpet_panel(story, profile, ledger, &delivered));
        }
        let channels = story.series.iter().take(CHANNELS);
        let channels = channels.filter_map(|(name, samples)| shown_channel(profile, name.as_str(), samples)).collect();
        Self { story, profile, ledger, delivered, windows, channels }
    }

    /// The plots. Those that the run's record does not support are not among them.
    pub(crate) fn plots(&self, points: usize) -> Plots {
        let (story, profile) = (self.story, self.profile);
        let clock = TimeAxis::of(story);
        let mut panels = Vec::new();
        if !self.delivered.is_empty() {
            panels.extend(volume_panels(story, &clock, self.ledger, &self.delivered, points));
        }
        panels.extend(self.windows.iter().cloned());
        panels.extend(occlusion_panel(story, profile, points));
        panels.extend(self.channels.iter().filter_map(|channel| channel_panel(&clock, channel, points)));
        Plots { frame: clock.frame(story), panels }
    }
}

/// The channel in which a balance gives its mass.
fn mass_channel(balance: &InstrumentProfile) -> Option<&str> {
    balance.channels.iter().find(|c| c.channel.ends_with(".mass")).map(|c| c.channel.as_str())
}

/// Time in the unit that suits the run's length.
struct TimeAxis<'a> {
    story: &'a Story,
    unit: &'static str,
    seconds: f64,
    from: f64,
    to: f64,
}

impl<'a> TimeAxis<'a> {
    fn of(story: &'a Story) -> Self {
        let to = story.seconds(story.last).max(1.0);
        let (unit, seconds) = time_unit(to);
        Self { story, unit, seconds, from: 0.0, to: to / seconds }
    }

    fn at(&self, at: RunTime) -> f64 {
        self.story.seconds(at) / self.seconds
    }

    fn shows(&self, at: RunTime) -> bool {
        (self.from..=self.to).contains(&self.at(at))
    }

    /// Which of some points are shown, that are in the order of their time.
    fn shown<T>(&self, points: &[T], at: impl Fn(&T) -> RunTime) -> Range<usize> {
        let first = points.partition_point(|point| self.at(at(point)) < self.from);
        let behind = points.partition_point(|point| self.at(at(point)) <= self.to);
        first..behind.max(first)
    }

    fn frame(&self, story: &Story) -> Frame {
        let end = |to: Option<RunTime>| to.map_or(self.to, |to| self.at(to));
        Frame {
            label: "Time since the rig was ready",
            unit: self.unit,
            from: self.from,
            to: self.to,
            alarms: story.alarms.iter().map(|(at, name)| (self.at(*at), name.clone())).collect(),
            gaps: story.gaps.iter().map(|gap| (self.at(gap.from), end(gap.to))).collect(),
            steps: story
                .steps
                .iter()
                .filter(|s| s.phase != Some(Phase::Steps))
                .map(|s| (self.at(s.at), s.name.clone()))
                .collect(),
        }
    }
}

/// The delivered volume at each weighing, broken where the balance was away.
fn delivered(story: &Story, balance: &InstrumentProfile, mass: &str, ledger: &Ledger) -> Vec<Vec<Delivered>> {
    let Some(conversion) = ledger.conversion() else { return Vec::new() };
    let volume = |sample: Sample| Delivered { at: sample.at, ul: conversion.delivered_ul(sample.at, sample.value) };
    let from = story.steps.first().map_or(RunTime::ZERO, |step| step.at);
    let Some(samples) = story.series.of(mass) else { return Vec::new() };
    broken(samples, silence(balance))
        .into_iter()
        .map(|part| usable(samples, part).filter(|s| s.at >= from).map(volume).filter(|d| d.ul.is_finite()).collect())
        .filter(|part: &Vec<Delivered>| !part.is_empty())
        .collect()
}

/// For how long an instrument may be silent before its curve is broken.
fn silence(instrument: &InstrumentProfile) -> Duration {
    (instrument.poll * 20).max(Duration::from_secs(10))
}

/// Parts of a channel without a longer silence between its usable samples: from the first of each to the last.
fn broken(samples: &Samples, silence: Duration) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut last: Option<RunTime> = None;
    for (i, sample) in samples.iter().enumerate().filter(|(_, sample)| sample.status != Status::Overload) {
        let goes_on = last.replace(sample.at).is_some_and(|last| sample.at.since(last) <= silence);
        match parts.last_mut().filter(|_| goes_on) {
            Some(part) => part.end = i + 1,
            None => parts.push(i..i + 1),
        }
    }
    parts
}

/// The usable samples of a part.
fn usable(samples: &Samples, part: Range<usize>) -> impl Iterator<Item = Sample> {
    samples.some(part).filter(|sample| sample.status != Status::Overload)
}

fn volume_panels(
    story: &Story,
    clock: &TimeAxis<'_>,
    ledger: &Ledger,
    parts: &[Vec<Delivered>],
    most_points: usize,
) -> Vec<Panel> {
    let most = parts.iter().flatten().map(|d| d.ul.abs()).fold(0.0, f64::max);
    let (unit, ul) = if most >= MILLILITRES_FROM_UL { ("mL", 1e3) } else { ("\u{b5}L", 1.0) };
    let begin = ledger.conversion().map_or(RunTime::ZERO, |conversion| moment(conversion.zero.0));
    let commanded_ul = |at: RunTime| ledger.commanded_ul(begin, at);

    let count = parts.iter().map(Vec::len).sum::<usize>().max(1);
    let shown = |part: &[Delivered], whole: usize, value: &dyn Fn(&Delivered) -> f64| -> Vec<Point> {
        let part = &part[clock.shown(part, |d| d.at)];
        let limit = (most_points * whole).div_ceil(count);
        placed(clock, thin(part.len(), part.iter().map(|d| (d.at, value(d))), limit))
    };
    let delivered = parts.iter().map(|part| shown(part, part.len(), &|d| d.ul / ul)).collect();
    let errors = parts.iter().map(|part| shown(&thinned(part), part.len(), &|d| d.ul - commanded_ul(d.at))).collect();
    let commanded = grid(begin, story.last, most_points / 2);
    let commanded = commanded.filter(|at| clock.shows(*at)).map(|at| (clock.at(at), commanded_ul(at) / ul)).collect();

    vec![
        Panel {
            file: "delivered".to_owned(),
            title: "Delivered volume against commanded dose".to_owned(),
            caption: "Volume since the opening weighing, corrected for evaporation, buoyancy and the needle, and the \
                      dose that the pump was commanded to deliver until then."
                .to_owned(),
            value_label: format!("Volume / {unit}"),
            curves: vec![
                Curve { name: "delivered", stroke: Stroke::Solid, parts: delivered },
                Curve { name: "commanded", stroke: Stroke::Dashed, parts: vec![commanded] },
            ],
            about_zero: false,
            small: false,
            frame: None,
        },
        Panel {
            file: "error".to_owned(),
            title: "Error of the delivered volume".to_owned(),
            caption: "Delivered volume minus commanded dose, at each reading of the balance. A pulsed pump head shows \
                      as a saw-tooth of one pulse's height."
                .to_owned(),
            value_label: "Delivered \u{2212} commanded / \u{b5}L".to_owned(),
            curves: vec![Curve { name: "error", stroke: Stroke::Solid, parts: errors }],
            about_zero: true,
            small: false,
            frame: None,
        },
    ]
}

/// Few enough weighings to compute the commanded dose at each.
fn thinned(part: &[Delivered]) -> Vec<Delivered> {
    let stride = part.len().div_ceil(POINTS_COMPARED).max(1);
    part.iter().step_by(stride).copied().collect()
}

fn grid(from: RunTime, to: RunTime, points: usize) -> impl Iterator<Item = RunTime> {
    let span = to.ns().saturating_sub(from.ns());
    let points = points.max(2) as u64;
    let at = move |i: u64| from.ns() + (u128::from(span) * u128::from(i) / u128::from(points - 1)) as u64;
    (0..points).map(move |i| RunTime::from_ns(at(i)))
}

fn rate_panel(clock: &TimeAxis<'_>, windows: &RateWindows) -> Panel {
    let most = windows.rows.iter().map(|row| row.delivered.abs().max(row.commanded)).fold(0.0, f64::max);
    let (unit, ul) = if most >= MILLILITRES_FROM_UL { ("mL/h", 1e3) } else { ("\u{b5}L/h", 1.0) };
    let mut delivered: Vec<Vec<Point>> = Vec::new();
    let mut commanded: Vec<Vec<Point>> = Vec::new();
    let mut end = None;
    for row in &windows.rows {
        if end != Some(row.from) {
            delivered.push(Vec::new());
            commanded.push(Vec::new());
        }
        end = Some(row.to);
        for (parts, rate) in [(&mut delivered, row.delivered), (&mut commanded, row.commanded)] {
            if let Some(part) = parts.last_mut() {
                part.extend([(clock.at(row.from), rate / ul), (clock.at(row.to), rate / ul)]);
            }
        }
    }
    let window = domain::time::span(windows.window);
    Panel {
        file: "rate".to_owned(),
        title: format!("Rate over windows of {window}"),
        caption: format!(
            "Mean rate over windows of {window}, delivered and commanded, boluses included. A pump that delivers in \
             pulses scatters by one pulse a window."
        ),
        value_label: format!("Rate / {unit}"),
        curves: vec![
            Curve { name: "delivered", stroke: Stroke::Solid, parts: delivered },
            Curve { name: "commanded", stroke: Stroke::Dashed, parts: commanded },
        ],
        about_zero: false,
        small: false,
        frame: None,
    }
}

/// The line's pressure around the first time the valve was closed, until it had opened again for half as long.
fn occlusion_panel(story: &Story, profile: &RigProfile, most_points: usize) -> Option<Panel> {
    let line = profile.by_role(Role::Line)?;
    let channel = line.channels.iter().find(|c| c.channel.ends_with(".pressure"))?;
    let (closed, _) = *story.valve.iter().find(|(_, closed)| *closed)?;
    let opened = story.valve.iter().find(|(at, shut)| !shut && *at > closed).map_or(story.last, |(at, _)| *at);
    let lasted = opened.since(closed);
    let (from, to) = (closed - lasted / 4, opened + lasted / 2);
    let (unit, seconds) = time_unit(to.since(from).as_secs_f64());
    let at = |moment: RunTime| (story.seconds(moment) - story.seconds(closed)) / seconds;
    let (begin, end) = (at(from), at(to));
    let points = story.series.of(&channel.channel)?.iter().map(|s| (at(s.at), s.value));
    let shown: Vec<Point> = points.filter(|(t, _)| (begin..=end).contains(t)).collect();
    if shown.len() < 2 {
        return None;
    }
    Some(Panel {
        file: "occlusion".to_owned(),
        title: "Pressure in the line around the occlusion".to_owned(),
        caption:
            "The line's pressure from before the valve was told to close until after it was told to open, with the \
                  pump's alarms as the bench heard of them."
                .to_owned(),
        value_label: format!("Pressure / {}", number::unit(&channel.unit)),
        curves: vec![Curve { name: "pressure", stroke: Stroke::Solid, parts: vec![decimate(&shown, most_points)] }],
        about_zero: false,
        small: false,
        frame: Some(Frame {
            label: "Time since the valve was told to close",
            unit,
            from: begin,
            to: end,
            gaps: Vec::new(),
            alarms: story.alarms.iter().map(|(moment, name)| (at(*moment), name.clone())).collect(),
            steps: vec![(0.0, "closed".to_owned()), (at(opened), "opened".to_owned())],
        }),
    })
}

/// A channel that the rig declares.
fn shown_channel<'a>(profile: &'a RigProfile, name: &'a str, samples: &'a Samples) -> Option<Channel<'a>> {
    let declared = profile.channel(name)?;
    let instrument = profile.instruments.iter().find(|i| i.channels.contains(declared))?;
    Some(Channel { name, unit: &declared.unit, samples, parts: broken(samples, silence(instrument)) })
}

/// Points where the plot has them.
fn placed(clock: &TimeAxis<'_>, points: Vec<Point<RunTime>>) -> Vec<Point> {
    points.into_iter().map(|(at, value)| (clock.at(at), value)).collect()
}

fn channel_panel(clock: &TimeAxis<'_>, channel: &Channel<'_>, most_points: usize) -> Option<Panel> {
    let Channel { name: channel, unit, samples, ref parts } = *channel;
    let count: usize = parts.iter().map(|part| samples.usable(part.clone())).sum();
    let shown = |part: &Range<usize>| -> Vec<Point> {
        let limit = (most_points * samples.usable(part.clone())).div_ceil(count.max(1));
        let shown = clock.shown(samples.moments(part.clone()), |at| *at);
        let part = part.start + shown.start..part.start + shown.end;
        let points = usable(samples, part.clone()).map(|s| (s.at, s.value));
        placed(clock, thin(samples.usable(part), points, limit))
    };
    let parts: Vec<Vec<Point>> = parts.iter().map(shown).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        return None;
    }
    let quantity = channel.split_once('.').map_or(channel, |(_, quantity)| quantity).replace('_', " ");
    let mut label = quantity;
    if let Some(first) = label.get(..1).map(str::to_uppercase) {
        label.replace_range(..1, &first);
    }
    Some(Panel {
        file: format!("channel-{}", plain_name(channel)),
        title: channel.to_owned(),
        caption: format!("Readings of {channel} as they came, without any correction."),
        value_label: format!("{label} / {}", number::unit(unit)),
        curves: vec![Curve { name: "reading", stroke: Stroke::Solid, parts }],
        about_zero: false,
        small: true,
        frame: None,
    })
}

/// A channel's name as part of a file's name: letters, digits and dots stay, all else becomes a dash.
fn plain_name(channel: &str) -> String {
    channel.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_leave_the_folder() {
        assert_eq!(plain_name("balance.mass"), "balance.mass");
        assert_eq!(plain_name("../../etc/passwd"), "..-..-etc-passwd");
    }

    #[test]
    fn a_silence_breaks_a_curve() {
        let at = |s: u64| Sample { at: RunTime::from_ns(s * 1_000_000_000), value: 1.0, status: Status::Ok };
        let mut samples = Samples::default();
        for sample in [at(0), at(1), at(60), Sample { status: Status::Overload, ..at(61) }, at(62)] {
            samples.push(sample);
        }
        assert_eq!(broken(&samples, Duration::from_secs(10)), [0..2, 2..5]);
        assert_eq!(usable(&samples, 2..5).count(), 2);
    }
}
