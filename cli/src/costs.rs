//! `carnet costs`: what a month of calls costs, from the tables of `docs/costs.md`, which is part of the executable.
//!
//! The document is the only place of units and prices. A test of the functions holds its units against what DynamoDB
//! counts, and a test of this module its dollars against its prices.

mod document;

use std::io::{self, Write};
use std::str::FromStr;

use carnet_local::BoxError;
use clap::{Args as ClapArgs, value_parser};
use contacts::model::Tags;
use serde::Serialize;

use document::{Document, Row};

/// Options of `carnet costs`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Calls of a month, as FUNCTION=N or FUNCTION:CASE=N; without any, all calls are listed with their cost per million
    ///
    /// Without a case, the function's first one in the list counts. The beginning of a case is enough.
    #[arg(value_name = "CALL=N")]
    calls: Vec<Calls>,
    /// Contacts that are stored
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value_parser!(u64).range(..=MOST))]
    contacts: u64,
    /// Tenants that the contacts belong to, in equal parts; a search for rare text reads all contacts of its tenant
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u64).range(1..=MOST))]
    tenants: u64,
    /// Tags of each contact, on average: 0 to 45, with decimals
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = tags)]
    tags: f64,
    /// Without a rate limit (RateLimit=0, McpRateLimit=0), which is one write unit for each HTTP call, and three for one of /mcp
    #[arg(long)]
    no_rate_limit: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The largest number of calls, contacts or tenants: 10^15. Sums of a few thousand of them fit into 64 bits, and their
/// products are exact enough as floating-point numbers.
const MOST: u64 = 1_000_000_000_000_000;

/// The average number of tags of a contact.
fn tags(text: &str) -> Result<f64, String> {
    // `nan` is a number for the standard library, but in no range.
    let tags = text.parse().ok().filter(|tags| (0.0..=Tags::MAX as f64).contains(tags));
    tags.ok_or_else(|| format!("not a number from 0 to {}, which is the most that a contact can have", Tags::MAX))
}

/// The end of cases whose read units grow with the number of contacts of the tenant.
const PER_THOUSAND: &str = "of 1,000";

/// How often a function is called.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Calls {
    function: String,
    case: String,
    number: u64,
}

impl FromStr for Calls {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (call, number) = text.rsplit_once('=').ok_or("write FUNCTION=N, such as get-contact=600000")?;
        let number = number.replace([',', '_'], "");
        let parsed = number.parse().ok().filter(|number| *number <= MOST);
        let number = parsed.ok_or_else(|| format!("`{number}` is not a number of calls from 0 to {MOST}"))?;
        let (function, case) = call.split_once(':').unwrap_or((call, ""));
        Ok(Calls { function: function.trim().to_owned(), case: case.trim().to_owned(), number })
    }
}

/// A line of the result.
#[derive(Debug, Serialize)]
struct Line {
    /// The function and the case, or what is stored.
    what: String,
    /// Calls in a month; for the storage, contacts.
    number: u64,
    read_units: f64,
    write_units: f64,
    dollars: f64,
}

/// Prints what the calls cost, or the list of calls.
///
/// # Errors
/// For a function or case that the document does not have, and when standard output cannot be written.
pub(crate) fn run(args: Args) -> Result<(), BoxError> {
    let document = Document::read()?;
    let lines = if args.calls.is_empty() && args.contacts == 0 { list(&document) } else { month(&document, &args)? };
    let text = if args.json { format!("{:#}\n", serde_json::to_value(&lines)?) } else { table(&lines) };
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}

/// Every call, a million times.
fn list(document: &Document) -> Vec<Line> {
    document.rows.iter().map(|row| line(document, row, 1_000_000)).collect()
}

/// The calls, the rate limit of the HTTP calls among them, the storage, and the sum.
fn month(document: &Document, args: &Args) -> Result<Vec<Line>, String> {
    let mut lines = Vec::new();
    // Of agents, and of others.
    let mut counted_calls = [(true, 0), (false, 0)];
    for calls in &args.calls {
        let row = find(document, calls)?;
        if row.is_rate_limited() {
            let (_, counted) = &mut counted_calls[usize::from(!row.is_of_agents())];
            *counted += calls.number;
        }
        let mut line = line(document, row, calls.number);
        if row.case.ends_with(PER_THOUSAND) && args.contacts > 0 {
            let thousands = args.contacts as f64 / args.tenants as f64 / 1e3;
            let more = line.read_units * (thousands - 1.0);
            line.what = line.what.replace(PER_THOUSAND, &format!("of {:.0}", thousands * 1e3));
            line.read_units += more;
            line.dollars += more * document.value("read")? / 1e6;
        }
        lines.push(line);
    }
    for (of_agents, number) in counted_calls {
        if number > 0 && !args.no_rate_limit {
            lines.push(line(document, document.rate_limit(of_agents)?, number));
        }
    }
    if args.contacts > 0 {
        let contacts = args.contacts as f64;
        let kilobytes = |contact: f64, tag: f64| contacts * (contact + args.tags * tag) / 1e6;
        let all = kilobytes(document.value("contact")?, document.value("tag")?);
        let items = kilobytes(document.value("contact_item")?, document.value("tag")? / 2.0);
        let dollars = all * document.value("storage")? + items * document.value("backup")?;
        let what = format!("storage and backup of {all:.2} GB");
        lines.push(Line { what, number: args.contacts, read_units: 0.0, write_units: 0.0, dollars });
    }
    let sum = |part: fn(&Line) -> f64| lines.iter().map(part).sum();
    let (read_units, write_units) = (sum(|line| line.read_units), sum(|line| line.write_units));
    let number = args.calls.iter().map(|calls| calls.number).sum();
    lines.push(Line { what: "sum".to_owned(), number, read_units, write_units, dollars: sum(|line| line.dollars) });
    Ok(lines)
}

/// The row of a function and the beginning of a case.
fn find<'a>(document: &'a Document, calls: &Calls) -> Result<&'a Row, String> {
    let mut rows = document.rows.iter().filter(|row| row.function == calls.function).peekable();
    if rows.peek().is_none() {
        return Err(format!("`{}` is not in the list that `carnet costs` prints", calls.function));
    }
    let exact = document.rows.iter().find(|row| row.function == calls.function && row.case == calls.case);
    exact.or_else(|| rows.find(|row| row.case.starts_with(&calls.case))).ok_or_else(|| {
        format!("`{}` has no case `{}` in the list that `carnet costs` prints", calls.function, calls.case)
    })
}

fn line(document: &Document, row: &Row, number: u64) -> Line {
    let calls = number as f64;
    Line {
        what: format!("{}: {}", row.function, row.case),
        number,
        read_units: row.read_units * calls,
        write_units: row.write_units * calls,
        dollars: document.dollars_per_million(row) * calls / 1e6,
    }
}

fn table(lines: &[Line]) -> String {
    let width = lines.iter().map(|line| line.what.chars().count()).max().unwrap_or(0);
    let mut text =
        format!("{:width$} {:>13} {:>15} {:>15} {:>10}\n", "", "number", "read units", "write units", "dollars");
    for line in lines {
        text += &format!(
            "{:width$} {:>13} {:>15.0} {:>15.0} {:>10.2}\n",
            line.what, line.number, line.read_units, line.write_units, line.dollars
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(calls: &[&str]) -> Args {
        let calls = calls.iter().map(|text| text.parse().unwrap()).collect();
        Args { calls, contacts: 0, tenants: 1, tags: 1.0, no_rate_limit: false, json: false }
    }

    #[test]
    fn the_documents_dollars_follow_from_its_units_and_prices() {
        let document = Document::read().unwrap();
        assert!(document.rows.len() > 30);
        for row in &document.rows {
            let dollars = format!("{:.2}", document.dollars_per_million(row));
            assert_eq!(dollars, row.dollars, "{}: {}", row.function, row.case);
        }
    }

    #[test]
    fn the_sum_has_the_calls_the_rate_limit_and_the_storage() {
        let document = Document::read().unwrap();
        let mut args = args(&["get-contact=1_000_000", "create-contact:new=2000000", "record-message=5"]);
        let lines = month(&document, &args).unwrap();
        let numbers: Vec<u64> = lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1_000_000, 2_000_000, 5, 3_000_000, 3_000_005]);
        assert_eq!((lines[4].read_units, lines[4].write_units), (2_000_015.0, 11_000_030.0));
        args.no_rate_limit = true;
        args.contacts = 1_000_000;
        let lines = month(&document, &args).unwrap();
        assert_eq!(lines[3].what, "storage and backup of 2.50 GB");
        assert_eq!(format!("{:.3}", lines[3].dollars), "0.855");
        let sum: f64 = lines[..4].iter().map(|line| line.dollars).sum();
        assert!((lines[4].dollars - sum).abs() < 1e-9 && lines[4].write_units == 8_000_030.0);
    }

    #[test]
    fn messages_of_agents_have_a_rate_limit_of_their_own() {
        let document = Document::read().unwrap();
        let lines =
            month(&document, &args(&["mcp:get_contact=1000", "get-contact=1000", "mcp:a message=1000"])).unwrap();
        let counted: Vec<(u64, f64)> = lines[3..5].iter().map(|line| (line.number, line.write_units)).collect();
        assert_eq!(counted, [(2_000, 6_000.0), (1_000, 1_000.0)]);
    }

    /// A call that is not counted costs API Gateway and Lambda only.
    #[test]
    fn the_document_and_rejected_calls_have_no_rate_limit() {
        let document = Document::read().unwrap();
        let lines =
            month(&document, &args(&["openapi=1000000", "HTTP call=1000000", "record-message=1000000"])).unwrap();
        let names: Vec<&str> = lines.iter().map(|line| line.what.as_str()).collect();
        assert_eq!(names, ["openapi: any", "HTTP call: rejected with 429", "record-message: without tags", "sum"]);
        assert_eq!(format!("{:.2}", lines[0].dollars), "1.43");
        assert_eq!(lines[0].write_units, 0.0);
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        let parse = |arguments: &[&str]| {
            let words = ["costs"].iter().chain(arguments).copied();
            <Command as clap::Parser>::try_parse_from(words).map(|Command { args }| args)
        };
        for accepted in ["0", "0.5", "45"] {
            assert!(parse(&["--tags", accepted]).is_ok(), "{accepted}");
        }
        for refused in ["-5", "nan", "inf", "-0.1", "45.1", "1e308", "many"] {
            assert!(parse(&[&format!("--tags={refused}")]).is_err(), "{refused}");
        }
        for refused in ["--tenants=0", "--tenants=-1", "--contacts=-1", "--contacts=1000000000000001", "--contacts=1e3"]
        {
            assert!(parse(&[refused]).is_err(), "{refused}");
        }
        // Each fits into 64 bits, and their sum would not.
        for refused in ["me=18446744073709551615", "me=1000000000000001", "me=-1"] {
            assert!(parse(&[refused]).is_err(), "{refused}");
        }
        let many = format!("me={MOST}");
        let lines = month(&Document::read().unwrap(), &parse(&[&many, &many, &many]).unwrap()).unwrap();
        assert!(lines.iter().all(|line| line.dollars.is_finite()));
        assert_eq!(lines.last().unwrap().number, 3 * MOST);
    }

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_search_for_rare_text_reads_all_contacts_of_its_tenant() {
        let document = Document::read().unwrap();
        let args = Args { contacts: 200_000, tenants: 10, ..args(&["search-contacts:text that no=1000"]) };
        let lines = month(&document, &args).unwrap();
        let one = document.rows.iter().find(|row| row.case.ends_with(PER_THOUSAND)).unwrap();
        assert_eq!(lines[0].read_units, one.read_units * 20_000.0);
        let dollars = document.dollars_per_million(one) / 1e3 + one.read_units * 19_000.0 * 0.125 / 1e6;
        assert!((lines[0].dollars - dollars).abs() < 1e-9, "{}", lines[0].dollars);
        assert_eq!(lines[0].what, "search-contacts: text that no contact has, of 20000");
    }

    /// The document's command, with the words of its quoted arguments kept together, and what it prints.
    #[test]
    fn the_documents_month_is_what_the_command_prints() {
        let (_, session) = document::TEXT.split_once("$ cargo run -q -- ").unwrap();
        let (session, _) = session.split_once("```").unwrap();
        let (command, printed) = session.split_at(end_of_command(session));
        let mut words = Vec::new();
        for (n, part) in command.replace("\\\n", " ").split('"').enumerate() {
            match n % 2 {
                0 => words.extend(part.split_whitespace().map(str::to_owned)),
                _ => words.push(part.to_owned()),
            }
        }
        let Command { args } = clap::Parser::parse_from(words);
        let lines = month(&Document::read().unwrap(), &args).unwrap();
        assert_eq!(table(&lines).trim(), printed.trim());
    }

    /// The end of the first line that does not end with a backslash.
    fn end_of_command(session: &str) -> usize {
        let mut end = 0;
        for line in session.split_inclusive('\n') {
            end += line.len();
            if !line.ends_with("\\\n") {
                break;
            }
        }
        end
    }

    #[test]
    fn calls_name_a_function_and_the_beginning_of_a_case() {
        let document = Document::read().unwrap();
        let case = |text: &str| find(&document, &text.parse().unwrap()).map(|row| row.case.clone());
        assert_eq!(case("create-contact=1").unwrap(), "new");
        assert_eq!(case("create-contact:renamed=1").unwrap(), "renamed");
        assert_eq!(case("create-contact:renamed, w=1").unwrap(), "renamed, with three tags");
        assert!(case("create-contact:nothing=1").unwrap_err().contains("no case"));
        assert!(case("rename-contact=1").unwrap_err().contains("not in the list"));
        assert!("get-contact".parse::<Calls>().is_err() && "get-contact=many".parse::<Calls>().is_err());
    }
}
