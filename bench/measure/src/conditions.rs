//! The room as it was read, held against the room as the rig file declares it, and a bath against what the scenario needs of it.
//!
//! Buoyancy, density and evaporation are corrected for the declared conditions; where the climate was another one, the
//! corrections and their uncertainty are not what they claim. Detection flags: it can turn a pass into inconclusive and
//! nothing else.

use domain::event::Opened;
use domain::profile::{Declared, Method, Role};
use domain::quantity::significant;
use domain::{Reading, Status};

/// So many readings make a mean that is held against what is declared: a single one has the sensor's noise.
const BLOCK: u32 = 30;
/// So many must there be at least, in a run that is shorter.
const BLOCK_MIN: u32 = 3;
/// A room that was not read for so long, in s, is not known meanwhile: two blocks at the longest poll.
const UNREAD_S: f64 = 600.0;
/// So many spans outside are told apart; a room that leaves its range more often is outside from the last one on.
const SPANS_MAX: usize = 64;

/// What a room's sensor without a certificate may be off, in its channel's unit: the accuracy that data sheets of such
/// sensors give. A mean beyond the declared range by less may be the sensor's.
pub(crate) const SENSOR_C: f64 = 0.5;
pub(crate) const SENSOR_HPA: f64 = 2.0;
pub(crate) const SENSOR_PERCENT: f64 = 3.0;
/// A bath's set-point that is told as it was ordered, but for what its register rounds, in K.
const SET_POINT_C: f64 = 0.1;

/// Who says in which range a quantity must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum By {
    /// The rig file, of the room.
    #[default]
    Rig,
    /// The scenario, of the bath.
    Scenario,
}

/// A quantity of the room and the range in which it must be, in its channel's unit.
#[derive(Debug, Clone, PartialEq, Default)]
struct Watched {
    channel: String,
    unit: &'static str,
    low: f64,
    high: f64,
    /// What its sensor may be off.
    sensor: f64,
    by: By,
    sum: f64,
    count: u32,
    /// When the block under way began, in s of run time.
    since_s: Option<f64>,
    outside: Vec<Outside>,
    /// Since when its readings are beyond the sensor's range, and how many in a row.
    beyond: Option<(f64, u32)>,
    /// When it was last read within that.
    read_s: Option<f64>,
    /// Readings that say something, and readings beyond the sensor's range.
    read: (u32, u32),
}

/// A span of run time whose blocks had their mean outside, one behind the other.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Outside {
    from_s: f64,
    to_s: f64,
    /// The first block's mean; none if nobody could read it within the sensor's range.
    mean: Option<f64>,
}

impl Outside {
    fn touches(&self, (from_s, to_s): (f64, f64)) -> bool {
        self.from_s < to_s && from_s < self.to_s
    }
}

/// What is known of the room so far.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Conditions(Vec<Watched>);

impl Conditions {
    /// Nothing is watched of the room on a rig without climate, and no bath that the scenario does not need.
    pub(crate) fn of(opened: &Opened) -> Self {
        let profile = &opened.profile;
        let room = profile.by_role(Role::Climate).map(|climate| {
            declared(&profile.method).map(|(quantity, unit, sensor, value, half)| {
                let channel = format!("{}.{quantity}", climate.name);
                let (low, high) = (value - half, value + half);
                Watched { channel, unit, low, high, sensor, ..Watched::default() }
            })
        });
        let bath = profile.by_role(Role::Bath).zip(opened.bath_c).map(|(bath, needed)| {
            let at = needed.value.c();
            // One who sets it to something else is found before its water has followed.
            [("temperature", needed.half_width.c()), ("set_point", SET_POINT_C)].map(|(quantity, half)| {
                let channel = format!("{}.{quantity}", bath.name);
                let (low, high) = (at - half, at + half);
                Watched { channel, unit: "°C", low, high, by: By::Scenario, ..Watched::default() }
            })
        });
        Self(room.into_iter().flatten().chain(bath.into_iter().flatten()).collect())
    }

    /// The first weighing begins: what a bath was before, on its way to its set-point, speaks against nothing.
    pub(crate) fn begin(&mut self, at_s: f64) {
        for watched in self.0.iter_mut().filter(|watched| watched.by == By::Scenario) {
            let Watched { unit, low, high, by, .. } = *watched;
            let channel = std::mem::take(&mut watched.channel);
            *watched = Watched { channel, unit, low, high, by, read_s: Some(at_s), ..Watched::default() };
        }
    }

    pub(crate) fn push(&mut self, reading: &Reading) {
        let Some(watched) = self.0.iter_mut().find(|w| w.channel == reading.channel.as_str()) else { return };
        if reading.status == Status::Overload {
            watched.read.1 += 1;
            return watched.beyond(reading.at_ns.seconds());
        }
        watched.push(reading);
    }

    /// What speaks against the bath since the first weighing began.
    pub(crate) fn bath_objection(&self) -> Option<String> {
        let mut of_bath = self.0.iter().filter(|watched| watched.by == By::Scenario);
        of_bath.find_map(|w| w.unknown().or_else(|| w.objection(&[(0.0, f64::INFINITY)])))
    }

    /// The first quantity that was not as declared within one of the spans, in s of run time, or that nobody knows, as a
    /// sentence.
    pub(crate) fn objection(&self, spans: &[(f64, f64)]) -> Option<String> {
        self.0.iter().find_map(|w| w.unknown().or_else(|| w.objection(spans)))
    }
}

impl Watched {
    /// Why nobody knows the quantity: never read, or for more than half of the time beyond its sensor's range.
    fn unknown(&self) -> Option<String> {
        let (read, beyond) = self.read;
        let hint = match self.by {
            By::Rig => "look at the sensor, or leave it out of the rig file",
            By::Scenario => "look at the bath and its sensor",
        };
        (read <= beyond).then(|| {
            format!(
                "expected {} to be read within its sensor's range, but found {read} such readings and {beyond} beyond it; {hint}",
                self.channel
            )
        })
    }

    /// A reading is beyond the sensor's range; some in a row are a room that is not as declared.
    fn beyond(&mut self, at_s: f64) {
        let (from_s, count) = self.beyond.map_or((at_s, 1), |(from_s, count)| (from_s, count + 1));
        self.beyond = Some((from_s, count));
        if count >= BLOCK_MIN {
            self.left(Outside { from_s, to_s: at_s, mean: None });
        }
    }

    fn push(&mut self, reading: &Reading) {
        let at_s = reading.at_ns.seconds();
        self.beyond = None;
        if let Some(last_s) = self.read_s.replace(at_s).filter(|last_s| at_s - last_s > UNREAD_S) {
            self.left(Outside { from_s: last_s, to_s: at_s, mean: None });
        }
        self.read.0 += 1;
        self.sum += reading.value;
        self.count += 1;
        let from_s = *self.since_s.get_or_insert(at_s);
        if self.count == BLOCK {
            if let Some(mean) = self.mean_outside() {
                self.left(Outside { from_s, to_s: at_s, mean: Some(mean) });
            }
            // The next block begins where this one ends: no moment is between them.
            (self.sum, self.count, self.since_s) = (0.0, 0, Some(at_s));
        }
    }

    fn left(&mut self, block: Outside) {
        let full = self.outside.len() >= SPANS_MAX;
        match self.outside.last_mut().filter(|last| full || last.to_s >= block.from_s) {
            Some(last) => last.to_s = block.to_s,
            None => self.outside.push(block),
        }
    }

    fn objection(&self, spans: &[(f64, f64)]) -> Option<String> {
        let shown = significant;
        let under_way = || {
            let mean = self.mean_outside().filter(|_| self.count >= BLOCK_MIN)?;
            Some(Outside { from_s: self.since_s?, to_s: f64::INFINITY, mean: Some(mean) })
        };
        let touches = |o: &Outside| spans.iter().any(|span| o.touches(*span));
        let Outside { from_s, mean, .. } = self.outside.iter().copied().chain(under_way()).find(touches)?;
        let (low, high, unit) = (shown(self.low), shown(self.high), self.unit);
        let found = mean.map_or_else(
            || "no reading within the sensor's range".to_owned(),
            |mean| format!("{} {unit}", domain::quantity::to_decimal(mean, 2)),
        );
        let channel = &self.channel;
        Some(match self.by {
            By::Rig => format!(
                "expected {channel} from {low} to {high} {unit} as the rig file declares, give or take the sensor's {} {unit}, \
                 but found {found} from {from_s:.0} s of run time on; bring the room back, or declare the wider range",
                shown(self.sensor)
            ),
            By::Scenario => format!(
                "expected {channel} from {low} to {high} {unit} as the scenario needs, but found {found} from {from_s:.0} s of \
                 run time on; look at the bath, and at who else may set it"
            ),
        })
    }

    fn mean_outside(&self) -> Option<f64> {
        let mean = self.sum / f64::from(self.count.max(1));
        let range = self.low - self.sensor..=self.high + self.sensor;
        (self.count > 0 && !range.contains(&mean)).then_some(mean)
    }
}

/// Each declared quantity of the room: its name, its channel's unit, and in that unit what a sensor may be off, the value
/// and half the width.
fn declared(method: &Method) -> [(&'static str, &'static str, f64, f64, f64); 3] {
    let hpa = |p: domain::quantity::Pressure| p.kpa() * 10.0;
    let Declared { value: air_c, half_width: air_c_half } = method.air_c;
    let Declared { value: humidity, half_width: humidity_half } = method.humidity_percent;
    [
        ("temperature", "°C", SENSOR_C, air_c.c(), air_c_half.c()),
        ("pressure", "hPa", SENSOR_HPA, hpa(method.air_kpa.value), hpa(method.air_kpa.half_width)),
        ("humidity", "%", SENSOR_PERCENT, humidity.percent(), humidity_half.percent()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{Channel, RunTime};

    const ALWAYS: (f64, f64) = (0.0, f64::INFINITY);

    fn watched() -> Conditions {
        let watched = |quantity: &str, unit, low, high| Watched {
            channel: format!("climate.{quantity}"),
            unit,
            low,
            high,
            sensor: 0.5,
            ..Watched::default()
        };
        Conditions(vec![watched("temperature", "°C", 22.0, 24.0)])
    }

    /// A room that was read every 10 s.
    fn read(values: impl IntoIterator<Item = f64>) -> Conditions {
        let mut conditions = watched();
        for (t, value) in (0_u64..).zip(values) {
            let at_ns = RunTime::from_ns(t * 10_000_000_000);
            let channel = Channel::new("climate.temperature");
            conditions.push(&Reading { channel, at_ns, u_ns: 0, value, status: Status::Ok });
        }
        conditions
    }

    fn check(values: impl IntoIterator<Item = f64>, expect: Option<&str>) {
        assert_eq!(read(values).objection(&[ALWAYS]).as_deref(), expect);
    }

    #[test]
    fn a_room_that_leaves_what_is_declared_is_named_with_its_time() {
        check((0..40).map(|_| 23.9), None);
        check(
            (0..90).map(|n| if n < 30 { 24.4 } else { 24.6 }),
            Some(
                "expected climate.temperature from 22 to 24 °C as the rig file declares, give or take the sensor's 0.5 °C, \
                 but found 24.60 °C from 290 s of run time on; bring the room back, or declare the wider range",
            ),
        );
    }

    #[test]
    fn a_room_speaks_against_the_spans_in_which_it_was_outside() {
        let hour = |n: i32| n / 360;
        let room = read((0..5 * 360).map(|n| if hour(n) % 2 == 1 { 26.0 } else { 23.0 }));
        let against = |from_h: f64, to_h: f64| room.objection(&[(from_h * 3600.0, to_h * 3600.0)]).is_some();
        assert!(!against(0.0, 0.9) && !against(2.2, 2.8) && !against(4.2, 5.0));
        assert!(against(0.0, 1.5) && against(1.2, 1.8) && against(2.9, 3.1));
        let both = [(0.0, 1000.0), (3.5 * 3600.0, 3.6 * 3600.0)];
        assert!(room.objection(&both).is_some(), "one span in which it was outside is enough");
        let flapping = read((0..400 * 30).map(|n| if n / 30 % 2 == 1 { 26.0 } else { 23.0 }));
        let outside = flapping.0.first().map(|w| w.outside.len());
        assert_eq!(outside, Some(SPANS_MAX), "what is remembered is bounded");
        assert!(flapping.objection(&[(119_000.0, 119_100.0)]).is_some());
    }

    #[test]
    fn a_room_that_could_not_be_read_for_a_while_speaks_against_that_while() {
        let mut room = watched();
        for t in 0..3_000_u64 {
            // Beyond the sensor's range for 100 s, and not read at all for 1000 s.
            let status = if (500..510).contains(&t) { Status::Overload } else { Status::Ok };
            if !(1_000..1_100).contains(&t) {
                let (at_ns, channel) = (RunTime::from_ns(t * 10_000_000_000), Channel::new("climate.temperature"));
                room.push(&Reading { channel, at_ns, u_ns: 0, value: 23.0, status });
            }
        }
        let against = |from_s, to_s| room.objection(&[(from_s, to_s)]);
        assert_eq!([against(0.0, 4_900.0), against(5_200.0, 9_900.0), against(11_100.0, 29_000.0)], [None, None, None]);
        let why = against(4_900.0, 5_050.0).expect("it was beyond the range");
        assert!(why.contains("found no reading within the sensor's range from 5000 s"), "{why}");
        assert!(against(10_200.0, 10_800.0).is_some(), "nobody read it");
        let mut spike = watched();
        for (t, status) in
            [(1, Status::Ok), (2, Status::Overload), (3, Status::Overload), (4, Status::Ok), (5, Status::Ok)]
        {
            let (at_ns, channel) = (RunTime::from_ns(t * 10_000_000_000), Channel::new("climate.temperature"));
            spike.push(&Reading { channel, at_ns, u_ns: 0, value: 23.0, status });
        }
        assert_eq!(spike.objection(&[ALWAYS]), None, "two readings are no room");
    }

    #[test]
    fn noise_of_a_reading_is_no_climate_and_a_short_run_is_judged_by_what_it_has() {
        check((0..60).map(|n| if n % 2 == 0 { 22.5 } else { 24.5 }), None);
        check([25.0, 25.0], None);
        check(
            [25.0; 4],
            Some(
                "expected climate.temperature from 22 to 24 °C as the rig file declares, give or take the sensor's 0.5 °C, \
                 but found 25.00 °C from 0 s of run time on; bring the room back, or declare the wider range",
            ),
        );
    }

    #[test]
    fn a_room_that_nobody_knows_is_no_room_as_declared() {
        let mut conditions = watched();
        assert!(conditions.objection(&[ALWAYS]).is_some_and(|why| why.contains("found 0 such readings")));
        for (t, status) in [(1, Status::Ok), (2, Status::Overload), (3, Status::Overload)] {
            let (at_ns, channel) = (RunTime::from_ns(t * 10_000_000_000), Channel::new("climate.temperature"));
            conditions.push(&Reading { channel, at_ns, u_ns: 0, value: 23.0, status });
        }
        assert!(conditions.objection(&[ALWAYS]).is_some_and(|why| why.contains("1 such readings and 2 beyond")));
    }
}
