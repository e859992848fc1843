//! Places the steps' names over a plot so that no two of them overlap.
//!
//! Names go into two rows, first come first served; one that fits into neither is left out, its line stays.

/// The width of a letter in ems, a little more than a sans-serif has on average.
const EM_PER_LETTER: f64 = 0.56;

/// Rows of names.
pub(crate) const ROWS: usize = 2;

/// Lines nearer than this, in pixels, are one to the eye; the last name stands for all of them.
const APART: i32 = 6;

/// The longest name, in letters.
const LONGEST: usize = 24;

/// A name with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    /// Where it begins, in pixels.
    pub(crate) x: i32,
    /// Its row, from the top.
    pub(crate) row: usize,
    /// What is written.
    pub(crate) text: String,
}

/// Places names that want to begin at given pixels, in order, left of `right`; `size` is the font's in pixels.
pub(crate) fn place(names: &[(i32, String)], right: i32, size: f64) -> Vec<Placed> {
    let mut ends = [i32::MIN; ROWS];
    let mut placed = Vec::new();
    for (i, (x, name)) in names.iter().enumerate() {
        if names.get(i + 1).is_some_and(|(next, _)| next - x < APART) {
            continue;
        }
        let text = shortened(name);
        let width = width(&text, size);
        let x = (*x).min(right - width);
        let Some(row) = ends.iter().position(|end| *end <= x) else { continue };
        ends[row] = x + width + size as i32;
        placed.push(Placed { x, row, text });
    }
    placed
}

/// The width of a text in pixels, estimated.
pub(crate) fn width(text: &str, size: f64) -> i32 {
    (text.chars().count() as f64 * size * EM_PER_LETTER).ceil() as i32
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST {
        return name.to_owned();
    }
    let mut text: String = name.chars().take(LONGEST - 1).collect();
    text.push('…');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_overlap() {
        let names: Vec<(i32, String)> = (0..30).map(|i| (i * 20, format!("bolus {i}"))).collect();
        let placed = place(&names, 1800, 24.0);
        assert!(placed.len() > 2 && placed.len() < 30);
        for row in 0..ROWS {
            let row: Vec<&Placed> = placed.iter().filter(|p| p.row == row).collect();
            assert!(row.windows(2).all(|w| w[0].x + width(&w[0].text, 24.0) <= w[1].x));
        }
    }

    #[test]
    fn a_name_at_the_right_edge_stays_inside() {
        let placed = place(&[(1790, "closing weighing".to_owned())], 1800, 24.0);
        assert!(placed[0].x + width(&placed[0].text, 24.0) <= 1800);
    }

    #[test]
    fn of_names_at_one_place_the_last_is_written() {
        let names = [(100, "check 1".to_owned()), (100, "check 2".to_owned()), (102, "closing weighing".to_owned())];
        let placed = place(&names, 1800, 24.0);
        assert_eq!(placed.iter().map(|p| p.text.as_str()).collect::<Vec<_>>(), ["closing weighing"]);
    }

    #[test]
    fn a_long_name_is_shortened() {
        let placed = place(&[(0, "x".repeat(100))], 1800, 24.0);
        assert_eq!(placed[0].text.chars().count(), LONGEST);
    }
}
