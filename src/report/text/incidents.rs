//! The list of incidents: a line each, its columns as wide as they need to be.

use crate::report::escape;

/// Rows as text; the first line names the columns.
pub fn render(rows: &[[String; 6]]) -> String {
    let head = ["ID", "BEGAN", "LASTED", "PACKETS LOST", "CAUSE", "MOST ENTRIES"].map(str::to_owned);
    let rows: Vec<[String; 6]> =
        std::iter::once(&head).chain(rows).map(|row| row.each_ref().map(|cell| escape::text(cell))).collect();
    let widths: Vec<usize> =
        (0..6).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| {
            let space = width - cell.chars().count();
            format!("{cell}{}", " ".repeat(space))
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_their_names_and_nothing_escapes() {
        let row =
            ["0123456789ab", "2026-11-27 03:00:00 UTC", "41 s", "8,408", "syn-flood", "10.0.0.1\u{1b}[2J"];
        let text = render(&[row.map(str::to_owned)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0].find("BEGAN"), lines[1].find("2026"));
        assert!(!text.contains('\u{1b}'));
    }
}
