//! The table of failed rows, which is corrected and imported again.

use super::cell::{protect, unprotect};
use super::column::{self, REPORT};
use super::outcome::Problem;

/// The table of the rows of a file that failed: the columns of [`REPORT`], and those of the file, without those that an
/// earlier report has put there.
///
/// Every cell of the file is safe to open in a spreadsheet program, and an import reads it as it was in the file.
///
/// ```
/// use contacts::import::{FailedRows, Problem};
/// let failed = FailedRows::new(&["import_line", "Name", "Phone"]);
/// assert_eq!(failed.columns(), ["import_line", "import_field", "import_reason", "Name", "Phone"]);
/// let problem = Problem::new("phone", "The phone field is required.");
/// let row = failed.row(17, &[problem], &["9", "=1+1"]);
/// assert_eq!(row, ["17", "phone", "The phone field is required.", "'=1+1", ""]);
/// ```
#[derive(Debug, Clone)]
pub struct FailedRows {
    columns: Vec<String>,
    /// The places of the file's columns that are copied.
    copied: Vec<usize>,
}

impl FailedRows {
    /// The table for a file with this header.
    pub fn new<S: AsRef<str>>(header: &[S]) -> Self {
        let names: Vec<&str> = header.iter().map(|name| column::name(name.as_ref())).collect();
        let copied: Vec<usize> = (0..names.len()).filter(|place| !REPORT.contains(&names[*place])).collect();
        let own = REPORT.into_iter().map(str::to_owned);
        let columns = own.chain(copied.iter().map(|place| protect(names[*place]).into_owned())).collect();
        FailedRows { columns, copied }
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The cells of a failed row: its line in the file, the fields and the reasons of its problems, and its own cells, which
    /// are in the order of the file's header. Missing cells at the end are empty.
    pub fn row<S: AsRef<str>>(&self, line: u64, problems: &[Problem], cells: &[S]) -> Vec<String> {
        let fields: Vec<&str> = problems.iter().map(|problem| &*problem.field).collect();
        let mut row = vec![line.to_string(), fields.join(", "), reasons(problems)];
        // A cell that was protected in the file is protected again, once.
        let cell = |place: &usize| cells.get(*place).map_or("", |cell| unprotect(cell.as_ref()));
        row.extend(self.copied.iter().map(|place| protect(cell(place)).into_owned()));
        row
    }
}

/// What is wrong with a row, as one text.
pub fn reasons(problems: &[Problem]) -> String {
    problems.iter().map(|problem| &*problem.reason).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::import::{Mapping, Options};

    #[test]
    fn a_report_of_a_report_has_its_columns_once_and_keeps_the_cells() {
        let problems = [Problem::new("phone", "First."), Problem::new("email", "Second.")];
        let first = FailedRows::new(&["\u{feff}=Name", "Phone", "Notes"]);
        assert_eq!(first.columns(), ["import_line", "import_field", "import_reason", "'=Name", "Phone", "Notes"]);
        let row = first.row(3, &problems, &["@x", "'+5511", "''quoted'"]);
        assert_eq!(row, ["3", "phone, email", "First. Second.", "'@x", "'+5511", "'quoted'"]);
        // Excel saves it with a byte order mark.
        let mut saved = first.columns().to_vec();
        saved[0].insert(0, '\u{feff}');
        let second = FailedRows::new(&saved);
        assert_eq!((second.columns(), second.row(3, &problems, &row)), (first.columns(), row));
        let mapping = Mapping::new(&saved, &Options { unknown_to_metadata: true, ..Options::default() }).unwrap();
        let fields: Vec<&str> = mapping.uses().iter().map(|column| column.field.as_deref().unwrap_or("-")).collect();
        assert_eq!(fields, ["-", "-", "-", "name", "phone", "metadata.Notes"]);
    }

    proptest! {
        #[test]
        fn a_failed_row_is_no_formula_and_is_imported_as_the_file_was(text in "['=+@\t\r\n＝a-]{0,4}.{0,4}") {
            let failed = FailedRows::new(&["phone"]);
            let cell = failed.row(2, &[], &[&text]).remove(3);
            prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']));
            prop_assert_eq!(unprotect(&cell), unprotect(&text));
        }
    }
}
