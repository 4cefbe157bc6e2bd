//! The last row of a table: all that no row above it shows.

use super::number::things;

/// The name of that row, which sums up `rows` rows. It is short: narrow terminals cut names.
#[must_use]
pub(crate) fn rest(rows: u64) -> String {
    if rows == 0 { "other".to_owned() } else { format!("other: {}", things(rows, "row")) }
}

/// The line below a table whose last row also holds what belongs to no row.
#[must_use]
pub(crate) fn in_no_row(what: &str) -> String {
    format!("other has {what} that belong to no row")
}

#[cfg(test)]
mod tests {
    use super::rest;

    #[test]
    fn the_row_says_what_it_holds() {
        assert_eq!([0, 1, 2].map(rest), ["other", "other: 1 row", "other: 2 rows"]);
    }
}
