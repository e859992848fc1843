//! Columns of plain numbers, read by some threads into the places where they stay.
//!
//! It gives up at the first value that is none: which one that is, and what is to be said of it, is its caller's to find.

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;

use polars::prelude::{DataType, ParallelStrategy, ParquetReader, SerReader};

/// A column that holds numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain<'a> {
    pub(super) name: &'a str,
    /// By what its numbers are divided, if by anything.
    pub(super) divisor: Option<f64>,
}

/// Row groups are read together up to so many rows: what is under way takes little memory, and threads have enough to share.
const ROWS_AT_ONCE: usize = 256 * 1024;
/// More rows than anybody's log has: a length beyond that is damage.
const ROWS_MAX: usize = 1 << 32;
/// More threads than this find nothing more to do.
const THREADS_MAX: usize = 8;

/// Some rows of a column, and where they go.
struct Part<'a, 'b> {
    column: Plain<'a>,
    from: usize,
    place: &'b mut [f64],
}

/// The values of columns in a file of such row groups; `None` if one of them is not there or not finite, or the file cannot be
/// read. What comes out does not depend on the threads.
pub(super) fn read(path: &Path, groups: &[usize], columns: &[Plain<'_>]) -> Option<Vec<Vec<f64>>> {
    let rows = groups.iter().try_fold(0_usize, |sum, rows| sum.checked_add(*rows)).filter(|rows| *rows <= ROWS_MAX)?;
    let mut values: Vec<Vec<f64>> = Vec::with_capacity(columns.len());
    for _ in columns {
        // Whether so many fit is asked first; zeros cost nothing until they are written over.
        Vec::<f64>::new().try_reserve_exact(rows).ok()?;
        values.push(vec![0.0; rows]);
    }
    let mut parts = Vec::new();
    for (column, values) in columns.iter().zip(&mut values) {
        let (mut from, mut rest) = (0, values.as_mut_slice());
        for length in together(groups) {
            let (place, behind) = rest.split_at_mut(length);
            parts.push(Part { column: *column, from, place });
            (from, rest) = (from + length, behind);
        }
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX).min(parts.len());
    let queue = Mutex::new(parts.into_iter());
    let next = || queue.lock().ok()?.next();
    let work = || std::iter::from_fn(next).try_for_each(|part| fill(path, part));
    let whole = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mine = work();
        others.into_iter().fold(mine, |whole, other| whole.and(other.join().ok().flatten()))
    });
    whole.map(|()| values)
}

/// How many rows are read at once, one group or several.
fn together(groups: &[usize]) -> Vec<usize> {
    let mut lengths: Vec<usize> = Vec::new();
    for rows in groups.iter().filter(|rows| **rows > 0) {
        match lengths.last_mut().filter(|length| **length + rows <= ROWS_AT_ONCE) {
            Some(length) => *length += rows,
            None => lengths.push(*rows),
        }
    }
    lengths
}

/// Reads some rows to their place.
fn fill(path: &Path, part: Part<'_, '_>) -> Option<()> {
    let Part { column, from, place } = part;
    let frame = ParquetReader::new(File::open(path).ok()?)
        .with_columns(Some(vec![column.name.to_owned()]))
        .with_slice(Some((from, place.len())))
        .read_parallel(ParallelStrategy::None)
        .finish()
        .ok()?;
    let physical = frame.column(column.name).ok()?.to_physical_repr();
    let floats = physical.cast(&DataType::Float64).ok()?;
    let floats = floats.f64().ok()?;
    if floats.null_count() > 0 || floats.len() != place.len() {
        return None;
    }
    let mut rest = place;
    let mut finite = true;
    for array in floats.downcast_iter() {
        let (filled, behind) = rest.split_at_mut(array.len());
        for (place, value) in filled.iter_mut().zip(array.values_iter()) {
            *place = column.divisor.map_or(*value, |divisor| value / divisor);
            finite &= place.is_finite();
        }
        rest = behind;
    }
    finite.then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_groups_are_read_together() {
        assert_eq!(together(&[10, 0, 20, ROWS_AT_ONCE, 5, 5]), [30, ROWS_AT_ONCE, 10]);
        assert!(together(&[]).is_empty() && together(&[0]).is_empty());
    }
}
