//! A series as one line of text.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One character a value, from zero (or the least value, where that is below) to the greatest; a gap is a blank.
pub(crate) fn draw(values: &[Option<f64>]) -> String {
    let known = || values.iter().flatten().copied();
    let least = known().fold(0.0, f64::min);
    let range = known().fold(least, f64::max) - least;
    let bar = |value: f64| {
        let share = if range > 0.0 { (value - least) / range } else { 0.0 };
        BARS[((share * BARS.len() as f64) as usize).min(BARS.len() - 1)]
    };
    values.iter().map(|value| value.map_or(' ', bar)).collect()
}

/// A number as a person reads it: three digits that count.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        magnitude if magnitude >= 1e6 => format!("{value:.2e}"),
        magnitude if magnitude >= 100.0 => format!("{value:.0}"),
        magnitude if magnitude >= 1.0 => format!("{value:.2}"),
        magnitude if magnitude >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_value_is_the_highest_bar() {
        assert_eq!(draw(&[Some(0.0), Some(4.0), None, Some(8.0)]), "▁▅ █");
        assert_eq!(draw(&[Some(-8.0), Some(0.0)]), "▁█");
        assert_eq!(draw(&[Some(0.0), Some(0.0)]), "▁▁");
        assert_eq!(draw(&[]), "");
    }

    #[test]
    fn numbers_are_short() {
        let shown = [0.0, 0.25, 1.5, 1234.5, 2.5e9, 1e-7].map(number);
        assert_eq!(shown, ["0", "0.2500", "1.50", "1234", "2.50e9", "1.00e-7"]);
    }
}
