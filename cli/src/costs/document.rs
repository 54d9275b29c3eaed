//! The tables of `docs/costs.md`.

use std::collections::BTreeMap;

/// The document.
pub(super) const TEXT: &str = include_str!("../../../docs/costs.md");

/// The function of the row about calls that are rejected before they reach their function's action.
const ANY_HTTP_CALL: &str = "HTTP call";
/// The function of the rows about what is added to HTTP calls.
const ADDED: &str = "+ HTTP call";

/// What the document says.
pub(super) struct Document {
    /// The calls, in its order.
    pub(super) rows: Vec<Row>,
    /// Prices and figures by name.
    values: BTreeMap<String, f64>,
    per_million: PerMillion,
}

/// Dollars per million.
struct PerMillion {
    reads: f64,
    writes: f64,
    /// Invocations, with their duration and their log line.
    invocations: f64,
    http_requests: f64,
    events: f64,
}

/// A row of the table of calls.
pub(super) struct Row {
    pub(super) function: String,
    pub(super) case: String,
    /// Read units and write units of one call.
    pub(super) read_units: f64,
    pub(super) write_units: f64,
    /// Dollars per million calls, as printed.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares it with what follows from the units"))]
    pub(super) dollars: String,
}

impl Row {
    /// Whether the call comes through API Gateway.
    pub(super) fn is_http(&self) -> bool {
        !["record-message", "record-consent", "set-contact-state", "import-contacts", "publish-changes", ADDED]
            .contains(&self.function.as_str())
    }

    /// Whether the call takes a place in the rate limit of its token, which is a row of its own. A rejected call has the
    /// write unit in its own row, and the OpenAPI document is read without a token.
    pub(super) fn is_rate_limited(&self) -> bool {
        self.is_http() && ![ANY_HTTP_CALL, "openapi"].contains(&self.function.as_str())
    }

    /// Whether the call is a message of an agent, whose rate limit is a higher one.
    pub(super) fn is_of_agents(&self) -> bool {
        self.function == "mcp"
    }
}

impl Document {
    /// Reads the document in this executable.
    ///
    /// # Errors
    /// A sentence that names what is missing.
    pub(super) fn read() -> Result<Self, String> {
        let mut rows = Vec::new();
        let mut values = BTreeMap::new();
        for line in TEXT.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let name = cells[0].trim_matches('`').to_owned();
            match cells[..] {
                [_, case, reads, writes, dollars] => {
                    let number = |text: &str| text.parse().map_err(|_| format!("not a number: {line}"));
                    let (read_units, write_units) = (number(reads)?, number(writes)?);
                    let dollars = dollars.to_owned();
                    rows.push(Row { function: name, case: case.to_owned(), read_units, write_units, dollars });
                }
                // Tables of other sections have text where this one has a number.
                [_, value, _] => {
                    if let Ok(value) = value.parse() {
                        values.insert(name, value);
                    }
                }
                _ => {}
            }
        }
        let value = |name: &str| value(&values, name);
        let gb_seconds = value("memory")? * value("duration")? / 1e3;
        let per_million = PerMillion {
            reads: value("read")?,
            writes: value("write")?,
            // A million log lines of one KB are one GB.
            invocations: value("invocation")?
                + gb_seconds * 1e6 * value("gb_second")?
                + value("log_line")? * value("log")?,
            http_requests: value("http")?,
            events: value("event")?,
        };
        Ok(Document { rows, values, per_million })
    }

    /// What a million of these calls cost. A row of what is added to a call has its units only.
    pub(super) fn dollars_per_million(&self, row: &Row) -> f64 {
        let prices = &self.per_million;
        let around = match row.function.as_str() {
            ADDED => 0.0,
            "publish-changes" => prices.invocations + prices.events,
            _ if row.is_http() => prices.invocations + prices.http_requests,
            _ => prices.invocations,
        };
        around + row.read_units * prices.reads + row.write_units * prices.writes
    }

    /// The row of what the rate limit adds to an HTTP call: the default one of `/mcp` to a message of an agent, or that of
    /// the other endpoints.
    ///
    /// # Errors
    /// The document does not have it.
    pub(super) fn rate_limit(&self, of_agents: bool) -> Result<&Row, String> {
        let case =
            if of_agents { "counted by the rate limit of 300 of /mcp" } else { "counted by a rate limit of up to 120" };
        let is_counted = |row: &&Row| row.function == ADDED && row.case == case;
        self.rows.iter().find(is_counted).ok_or_else(|| format!("docs/costs.md has no row `{case}`"))
    }

    /// A price or a figure.
    ///
    /// # Errors
    /// The document does not have it.
    pub(super) fn value(&self, name: &str) -> Result<f64, String> {
        value(&self.values, name)
    }
}

fn value(values: &BTreeMap<String, f64>, name: &str) -> Result<f64, String> {
    values.get(name).copied().ok_or_else(|| format!("docs/costs.md has no value `{name}`"))
}
