//! The list of incidents: a line each, its columns as wide as they need to be.

use super::columns;

/// Rows as text; the first line names the columns.
pub fn render(rows: &[[String; 6]]) -> String {
    columns::render(["ID", "BEGAN", "LASTED", "PACKETS LOST", "CAUSE", "MOST ENTRIES"], rows)
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
