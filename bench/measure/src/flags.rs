//! What happened to the weighing that is no flow: steps, shakes, adjustments, tares, gaps. Flags do not delete.
//!
//! It owns their names and their spans. A flag can turn a pass into inconclusive; a step leaves a cumulative volume only if
//! the flow meter shows that no liquid moved, and then the figure is computed with and without it.

use core::fmt;

use crate::jumps::Jump;

/// A gap shorter than this, in s, is none, whatever the poll.
const GAP_S: f64 = 10.0;
/// A gap of more polls than this is one.
const GAP_POLLS: f64 = 20.0;
/// Steps up and down within this of each other, in s, are a shake.
const SHAKE_S: f64 = 10.0;
/// So many of them at least.
const SHAKE_STEPS: usize = 3;
/// A mass that falls to less than this share of itself was tared.
const TARED_SHARE: f64 = 0.01;
/// For so long after it, in s, a flag bears upon what is read.
const SETTLES_S: f64 = 10.0;
/// Gaps that are kept, at most.
const KEPT_MAX: usize = 256;

/// What a flag is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagKind {
    /// The mass stepped: wetting, a knock, a drop that fell.
    Step,
    /// The mass stepped up and down: vibration.
    Shake,
    /// The balance was silent and read anew: a self-adjustment.
    Adjustment,
    /// The mass fell to nothing: the balance was tared, or the vessel taken away.
    Tare,
    /// The balance was not read.
    Gap,
}

impl FlagKind {
    /// In a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Step => "step of the mass",
            Self::Shake => "vibration",
            Self::Adjustment => "self-adjustment of the balance",
            Self::Tare => "tare",
            Self::Gap => "gap in the readings",
        }
    }
}

/// Something that happened to the weighing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flag {
    /// What.
    pub kind: FlagKind,
    /// When it began, in s of run time.
    pub from_s: f64,
    /// When it ended.
    pub to_s: f64,
    /// By how much the mass had changed after it, in g.
    pub by_g: f64,
    /// Whether the flow meter shows that no liquid moved.
    pub shown_no_flow: bool,
}

impl Flag {
    /// When the mass had stepped, in s of run time.
    pub(crate) fn stepped_s(&self) -> f64 {
        if self.kind == FlagKind::Gap { self.to_s } else { self.to_s - SETTLES_S }
    }

    /// Whether it touches a span.
    #[must_use]
    pub fn touches(&self, from_s: f64, to_s: f64) -> bool {
        self.from_s < to_s && from_s < self.to_s
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, from_s, to_s, by_g, shown_no_flow } = self;
        write!(f, "{} from {from_s:.0} to {to_s:.0} s of run time", kind.name())?;
        if *kind != FlagKind::Gap {
            write!(f, ", {} mg", domain::quantity::significant((by_g * 1e5).round() * 1e-2))?;
            f.write_str(if *shown_no_flow { "; the flow meter shows that no liquid moved" } else { "" })?;
        }
        Ok(())
    }
}

/// The gaps of a channel so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Gaps {
    last_s: Option<f64>,
    kept: Vec<(f64, f64)>,
}

impl Gaps {
    /// Takes the time of a reading.
    pub(crate) fn push(&mut self, t_s: f64, poll_s: f64) {
        if let Some(last_s) = self.last_s.replace(t_s)
            && t_s - last_s > GAP_S.max(GAP_POLLS * poll_s)
        {
            let full = self.kept.len() >= KEPT_MAX;
            match self.kept.last_mut() {
                // More than can be kept are one.
                Some(last) if full => last.1 = t_s,
                _ => self.kept.push((last_s, t_s)),
            }
        }
    }
}

/// The flags of a run, in order of time.
pub(crate) fn flags(jumps: &[Jump], gaps: &Gaps) -> Vec<Flag> {
    let mut flags: Vec<Flag> = Vec::new();
    let mut rest = jumps;
    while let Some(first) = rest.first() {
        let together = 1 + rest.windows(2).take_while(|pair| pair[1].t_s - pair[0].t_s <= SHAKE_S).count();
        let (group, others) = rest.split_at(together);
        let up = group.iter().any(|jump| jump.by_g > 0.0);
        let down = group.iter().any(|jump| jump.by_g < 0.0);
        let last = group.last().unwrap_or(first);
        if group.len() >= SHAKE_STEPS && up && down {
            flags.push(Flag {
                kind: FlagKind::Shake,
                from_s: first.from_s,
                to_s: last.t_s + SETTLES_S,
                by_g: group.iter().map(|jump| jump.by_g).sum(),
                shown_no_flow: group.iter().all(|jump| jump.no_flow == Some(true)),
            });
        } else {
            flags.extend(group.iter().map(|jump| single(jump, gaps)));
        }
        rest = others;
    }
    let ended = |flag: &Flag, gap: &(f64, f64)| (flag.stepped_s() - gap.1).abs() < 1e-6;
    let adjusted = |gap: &(f64, f64)| flags.iter().any(|f| f.kind == FlagKind::Adjustment && ended(f, gap));
    let silent: Vec<Flag> = gaps
        .kept
        .iter()
        .filter(|gap| !adjusted(gap))
        .map(|(from_s, to_s)| Flag {
            kind: FlagKind::Gap,
            from_s: *from_s,
            to_s: *to_s,
            by_g: 0.0,
            shown_no_flow: false,
        })
        .collect();
    flags.extend(silent);
    flags.sort_by(|a, b| a.from_s.total_cmp(&b.from_s));
    flags
}

fn single(jump: &Jump, gaps: &Gaps) -> Flag {
    let after_silence = gaps.kept.iter().any(|(_, to_s)| (to_s - jump.t_s).abs() < 1e-6);
    let tared = jump.by_g < 0.0 && (jump.before_g + jump.by_g).abs() < TARED_SHARE * jump.before_g.abs();
    let kind = match (tared, after_silence) {
        (true, _) => FlagKind::Tare,
        (false, true) => FlagKind::Adjustment,
        (false, false) => FlagKind::Step,
    };
    Flag {
        kind,
        from_s: jump.from_s,
        to_s: jump.t_s + SETTLES_S,
        by_g: jump.by_g,
        shown_no_flow: jump.no_flow == Some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jump(t_s: f64, before_g: f64, by_g: f64) -> Jump {
        Jump { from_s: t_s - 1.0, t_s, before_g, by_g, no_flow: None }
    }

    fn kinds(jumps: &[Jump], gaps: &Gaps) -> Vec<FlagKind> {
        flags(jumps, gaps).iter().map(|flag| flag.kind).collect()
    }

    #[test]
    fn each_is_called_by_its_name() {
        let mut gaps = Gaps::default();
        for t in [0.0, 1.0, 40.0, 41.0, 100.0] {
            gaps.push(t, 1.0);
        }
        use FlagKind::{Adjustment, Gap, Shake, Step, Tare};
        assert_eq!(kinds(&[], &gaps), [Gap, Gap]);
        assert_eq!(kinds(&[jump(40.0, 25.0, 8e-5)], &gaps), [Adjustment, Gap]);
        let none = Gaps::default();
        assert_eq!(kinds(&[jump(5.0, 25.0, 0.005), jump(900.0, 25.0, -25.0)], &none), [Step, Tare]);
        let shaken: Vec<Jump> =
            (0..6).map(|i| jump(f64::from(i), 25.0, if i % 2 == 0 { 0.01 } else { -0.01 })).collect();
        assert_eq!(kinds(&shaken, &none), [Shake]);
        let shown = flags(&shaken, &none)[0].to_string();
        assert_eq!(shown, "vibration from -1 to 15 s of run time, 0 mg");
    }

    #[test]
    fn gaps_that_cannot_be_kept_are_one() {
        let mut gaps = Gaps::default();
        for i in 0..400 {
            gaps.push(f64::from(i) * 100.0, 1.0);
        }
        assert_eq!(gaps.kept.len(), KEPT_MAX);
        assert_eq!(gaps.kept.last().map(|gap| gap.1), Some(39_900.0));
    }
}
