//! The value at a place in the order of many, without putting them into order or holding them all.
//!
//! A median of millions of differences is looked for between two values that a few of them name; the answer is the exact one
//! either way.

/// So many values name the two between which the answer should lie; fewer values are looked at as they are.
const NAMED: usize = 4096;
/// So many are put down before they are kept.
const DOWN: usize = 512;
/// How far the two are from the place that is looked for, in the few: four standard deviations of where it falls.
const ASIDE: usize = 128;

/// The value with that many others before it in ascending order, of `count` finite values; `None` if there are no more than
/// that.
#[must_use]
pub fn nth(values: impl Iterator<Item = f64> + Clone, count: usize, before: usize) -> Option<f64> {
    if before >= count {
        return None;
    }
    let stride = count / NAMED;
    if stride > 1 {
        let mut named: Vec<f64> = values.clone().step_by(stride).collect();
        named.sort_unstable_by(f64::total_cmp);
        let place = before / stride;
        let low = place.checked_sub(ASIDE).map_or(f64::NEG_INFINITY, |at| named[at.min(named.len() - 1)]);
        let high = named.get(place + ASIDE).copied().unwrap_or(f64::INFINITY);
        let (mut below, mut between) = (0, Vec::new());
        // Each value is put down and kept or written over: nothing is guessed, and so nothing is guessed wrong.
        let (mut down, mut kept) = ([0.0; DOWN], 0);
        for value in values.clone() {
            below += usize::from(value < low);
            down[kept] = value;
            kept += usize::from(value >= low && value <= high);
            if kept == DOWN {
                between.extend_from_slice(&down);
                kept = 0;
            }
        }
        between.extend_from_slice(&down[..kept]);
        if let Some(at) = before.checked_sub(below).filter(|at| *at < between.len()) {
            return Some(select(between, at));
        }
    }
    Some(select(values.collect(), before))
}

fn select(mut values: Vec<f64>, before: usize) -> f64 {
    *values.select_nth_unstable_by(before, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64]) {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        for before in [0, 1, values.len() / 3, (values.len() - 1) / 2, values.len() - 1] {
            let found = nth(values.iter().copied(), values.len(), before);
            assert_eq!(found.map(f64::to_bits), Some(sorted[before].to_bits()), "{before} of {}", values.len());
        }
        assert_eq!(nth(values.iter().copied(), values.len(), values.len()), None);
    }

    #[test]
    fn it_is_the_value_that_order_would_give() {
        let scattered =
            |n: u32| -> Vec<f64> { (0..n).map(|i| f64::from(i.wrapping_mul(2_654_435_761) >> 7) - 1e7).collect() };
        check(&scattered(3));
        check(&scattered(5000));
        check(&scattered(100_000));
        // Digits: a few values, each many times; and both zeros.
        check(&scattered(50_000).iter().map(|v| (v / 1e7).round()).collect::<Vec<_>>());
        check(&scattered(50_000).iter().map(|v| if *v < 0.0 { -0.0 } else { 0.0 }).collect::<Vec<_>>());
    }

    #[test]
    fn values_that_the_few_do_not_show_are_found_nevertheless() {
        // Each that names is zero, and the others are not.
        let stride = 20;
        check(&(0..stride * 4096).map(|i| if i % stride == 0 { 0.0 } else { f64::from(i as u32) }).collect::<Vec<_>>());
    }
}
