//! Plain tables for people: aligned columns, two spaces apart.

/// Lays rows out under a heading; the last column is not padded.
pub(crate) fn render(heading: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = heading.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, width) in cells.zip(&widths) {
            text.push_str(&format!("{cell:<width$}  "));
        }
        text.trim_end().to_owned() + "\n"
    };
    let mut text = line(&mut heading.iter().copied());
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// Nanoseconds as a person reads them: `412ms`, `1.25s`, `87µs`.
pub(crate) fn duration(nanoseconds: u64) -> String {
    let value = nanoseconds as f64;
    match nanoseconds {
        0..1_000 => format!("{nanoseconds}ns"),
        1_000..1_000_000 => format!("{:.0}µs", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1}ms", value / 1e6),
        _ => format!("{:.2}s", value / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_owned(), "long name".to_owned(), "x".to_owned()]];
        let expected = "ID  NAME       END\na   long name  x\n";
        assert_eq!(render(&["ID", "NAME", "END"], &rows), expected);
    }

    #[test]
    fn durations_have_a_fitting_unit() {
        let shown = [0, 999, 87_400, 412_000_000, 1_250_000_000].map(duration);
        assert_eq!(shown, ["0ns", "999ns", "87µs", "412.0ms", "1.25s"]);
    }
}
