//! Tables for people.

use comfy_table::{Table, presets};

/// Prints rows under headings; nothing but a sentence when there are none.
pub fn print(headings: &[&str], rows: Vec<Vec<String>>) {
    if rows.is_empty() {
        crate::say!("nothing found");
        return;
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(headings.iter().map(|heading| heading.to_uppercase()));
    for row in rows {
        table.add_row(row);
    }
    for line in table.lines() {
        crate::say!("{}", line.trim_end());
    }
}
