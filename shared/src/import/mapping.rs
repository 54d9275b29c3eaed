//! Which column becomes which field.

use super::column::{self, Field};
use super::country::Country;
use super::history::EXPORT;

/// What an operator says about a file.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Columns and the fields that they become: `("Cidade", "metadata.city")`. The field `ignore` leaves a column out.
    pub map: Vec<(String, String)>,
    /// The country of numbers without `+`. Without one, such numbers are refused.
    pub country: Option<Country>,
    /// Puts columns that are not understood into the metadata, each under its own name.
    pub unknown_to_metadata: bool,
}

/// Why a header cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// No column is known to hold the phone number, which decides whose contact a row is.
    #[error("no column is known to hold the phone number; map one of these columns to the field phone: {0}")]
    NoPhone(String),
    /// A column is mapped that the header does not have.
    #[error("there is no column {column}, which is mapped; the columns are: {header}")]
    NoColumn {
        /// The column.
        column: String,
        /// The columns of the file.
        header: String,
    },
    /// A column is mapped to something that is not a field.
    #[error("{0} is not a field; map columns to metadata.<key>, ignore, or one of {1}")]
    NoField(String, String),
}

/// What an import does with a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnUse {
    /// The name of the column.
    pub column: String,
    /// The field that it becomes; `None` for a column that is left out.
    pub field: Option<String>,
}

/// Which column becomes which field, made once from the header of a file.
///
/// Columns are recognised by name, ignoring case, accents and punctuation, among them those of Qyvo, FlowIQ, Google
/// Contacts, HubSpot and Shopify. A column that the operator maps replaces the recognised ones of the same field. Of several columns of one field, the first that is not
/// empty counts in each row; phone columns are tried in the order WhatsApp, mobile, others.
///
/// ```
/// use contacts::import::{Mapping, Options};
/// let mapping = Mapping::new(&["First Name", "Phone 1 - Value", "Notes"], &Options::default())?;
/// assert_eq!(mapping.ignored(), ["Notes"]);
/// let row = mapping.read(&["José", "+55 11 98765-4321", "a note"]).expect("a valid row");
/// assert_eq!(row.phone().as_str(), "+5511987654321");
/// # Ok::<(), contacts::import::MappingError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(super) columns: Vec<Column>,
    pub(super) country: Option<Country>,
    uses: Vec<ColumnUse>,
}

/// A column that becomes a field.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Its place in the row.
    pub(super) index: usize,
    pub(super) field: Field,
    /// The order in which columns of one field are tried.
    pub(super) rank: u8,
    /// The place of the column that says what kind of phone this one is.
    pub(super) label: Option<usize>,
    /// An export of Carnet has written it: its cells are taken literally, and not as lists of Google Contacts.
    pub(super) is_exported: bool,
}

impl Mapping {
    /// The mapping of a header.
    ///
    /// # Errors
    /// [`MappingError`].
    pub fn new<S: AsRef<str>>(header: &[S], options: &Options) -> Result<Self, MappingError> {
        let header: Vec<&str> = header.iter().map(|name| column::name(name.as_ref())).collect();
        let names = || header.join(", ");
        let mut fields: Vec<Option<Field>> = Vec::new();
        // The columns of an export, with whatever a person has added, restore what only new contacts can take.
        let is_export = EXPORT.iter().skip(1).all(|name| header.contains(name));
        for name in &header {
            let field = column::recognized(name).filter(|field| is_export || !matches!(field, Field::History(_)));
            let is_left_out = column::REPORT.contains(name) || *name == "id";
            let unknown = options.unknown_to_metadata && !is_left_out && !name.trim().is_empty();
            let key = || Field::MetadataKey(name.trim().to_owned());
            fields.push(field.or_else(|| (unknown && column::phone_label(name).is_none()).then(key)));
        }
        let mut mapped = Vec::new();
        for (name, target) in &options.map {
            let place = header
                .iter()
                .position(|column| column == name)
                .or_else(|| header.iter().position(|column| column::normalized(column) == column::normalized(name)));
            let index = place.ok_or_else(|| MappingError::NoColumn { column: name.clone(), header: names() })?;
            let field = match &**target {
                "ignore" => None,
                target => {
                    let known = || column::field_names().collect::<Vec<_>>().join(", ");
                    Some(column::field(target).ok_or_else(|| MappingError::NoField(target.to_owned(), known()))?)
                }
            };
            mapped.push((index, field));
        }
        for (_, field) in &mapped {
            let replaced = |other: &Field| field.as_ref().is_some_and(|field| is_same(field, other));
            fields.iter_mut().filter(|other| other.as_ref().is_some_and(replaced)).for_each(|other| *other = None);
        }
        mapped.into_iter().for_each(|(index, field)| fields[index] = field);
        if !fields.iter().flatten().any(|field| matches!(field, Field::Phone { .. })) {
            return Err(MappingError::NoPhone(names()));
        }
        let label = |name: &str| {
            let number = column::phone_number_column(name)?;
            header.iter().position(|column| column::phone_label(column).as_ref() == Some(&number))
        };
        let columns = fields.iter().enumerate().filter_map(|(index, field)| {
            let name = header[index];
            let rank = if matches!(field, Some(Field::Phone { .. })) { column::phone_rank(name) } else { 0 };
            let is_exported = is_export && EXPORT.contains(&name);
            Some(Column { index, field: field.clone()?, rank, label: label(name), is_exported })
        });
        let mut columns: Vec<Column> = columns.collect();
        columns.sort_by_key(|column| (column.rank, column.index));
        let uses = header.iter().zip(&fields).map(|(name, field)| {
            let is_label = column::phone_label(name).is_some();
            let field = field.as_ref().map(name_of).or_else(|| is_label.then(|| "phone".to_owned()));
            ColumnUse { column: (*name).to_owned(), field }
        });
        let uses = uses.collect();
        Ok(Mapping { columns, country: options.country, uses })
    }

    /// What becomes of each column, in their order.
    pub fn uses(&self) -> &[ColumnUse] {
        &self.uses
    }

    /// The columns that are left out, in their order, without those that Carnet writes itself.
    pub fn ignored(&self) -> Vec<&str> {
        let ours = |name: &str| column::REPORT.contains(&name) || name == "id";
        let left_out = self.uses.iter().filter(|column| column.field.is_none() && !ours(&column.column));
        left_out.map(|column| &*column.column).collect()
    }
}

/// Whether a mapped column replaces another of this field.
fn is_same(mapped: &Field, other: &Field) -> bool {
    match (mapped, other) {
        (Field::Phone { .. }, Field::Phone { .. }) => true,
        (Field::Name | Field::NamePart(_), Field::Name) | (Field::Name, Field::NamePart(_)) => true,
        (mapped, other) => mapped == other,
    }
}

/// The name of a field, as an operator writes it.
fn name_of(field: &Field) -> String {
    match field {
        Field::MetadataKey(key) => format!("metadata.{key}"),
        field => {
            column::field_names().find(|name| column::field(name).as_ref() == Some(field)).unwrap_or("").to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(header: &str, map: &[(&str, &str)], unknown_to_metadata: bool) -> Result<Mapping, MappingError> {
        let map = map.iter().map(|(column, field)| ((*column).to_owned(), (*field).to_owned())).collect();
        let options = Options { map, country: None, unknown_to_metadata };
        Mapping::new(&header.split(',').collect::<Vec<_>>(), &options)
    }

    fn uses(mapping: &Mapping) -> Vec<&str> {
        mapping.uses().iter().map(|column| column.field.as_deref().unwrap_or("-")).collect()
    }

    #[test]
    fn columns_are_recognised_mapped_or_ignored() {
        let header = "Name,Phone,Mobile,City,created_at,id,import_line";
        let plain = mapping(header, &[], false).unwrap();
        assert_eq!(uses(&plain), ["name", "phone", "phone", "-", "-", "-", "-"]);
        assert_eq!(plain.ignored(), ["City", "created_at"]);
        let mapped =
            mapping(header, &[("city", "metadata.city"), ("Phone", "phone"), ("Name", "ignore")], false).unwrap();
        assert_eq!(uses(&mapped), ["-", "phone", "-", "metadata.city", "-", "-", "-"]);
        let unknown = mapping(header, &[("created_at", "created_at")], true).unwrap();
        assert_eq!(uses(&unknown), ["name", "phone", "phone", "metadata.City", "created_at", "-", "-"]);
    }

    #[test]
    fn an_export_restores_and_a_part_of_its_columns_does_not() {
        let header = EXPORT.join(",");
        let fields = mapping(&header, &[], false).unwrap();
        assert_eq!(uses(&fields)[1..], EXPORT[1..]);
        let fewer = mapping(&header.replace(",event_times", ""), &[], false).unwrap();
        assert!(fewer.ignored().contains(&"created_at") && fewer.ignored().contains(&"total_messages"));
    }

    #[test]
    fn errors_say_what_to_map() {
        for (header, map, expected) in [
            ("Name,City", vec![], "map one of these columns to the field phone: Name, City"),
            ("Phone", vec![("Nome", "name")], "there is no column Nome, which is mapped; the columns are: Phone"),
            (
                "Phone",
                vec![("Phone", "fone")],
                "fone is not a field; map columns to metadata.<key>, ignore, or one of phone",
            ),
            ("Phone", vec![("Phone", "ignore")], "no column is known to hold the phone number"),
        ] {
            let error = mapping(header, &map, false).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
