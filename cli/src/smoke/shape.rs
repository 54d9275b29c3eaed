//! What is compared of an answer: everything that is the same in every run.

use std::collections::BTreeMap;

use super::wire::Answer;

/// The headers that belong to the contract. `etag`, `x-request-id` and numbers that count down are compared by their presence.
const HEADERS: [&str; 9] = [
    "allow",
    "content-type",
    "etag",
    "retry-after",
    "www-authenticate",
    "x-contact-outcome",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-request-id",
];

/// How many lines of a difference are shown from each side.
const SHOWN: usize = 12;
/// How many characters of a line are shown.
const WIDTH: usize = 160;

/// An answer without ids, times and counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// The status, or how an invocation ended.
    status: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Shape {
    /// The shape of an HTTP answer. `names` are values of this run and what is written instead; `own_id` is the
    /// `X-Request-Id` of the request, which the answer has to repeat.
    pub(super) fn of(answer: &Answer, names: &[(String, String)], own_id: Option<&str>) -> Self {
        let headers = HEADERS.iter().filter_map(|name| {
            let value = answer.header(name)?;
            let value = match *name {
                "x-request-id" if own_id != Some(value) => "<id>",
                "etag" => "<version>",
                "retry-after" | "x-ratelimit-remaining" => "<number>",
                _ => value,
            };
            Some(((*name).to_owned(), value.to_owned()))
        });
        Self { status: answer.status.to_string(), headers: headers.collect(), body: neutral(&answer.text(), names) }
    }

    /// The shape of what an invocation returned: the error's type or `answered`, and the payload.
    #[cfg(any(feature = "cloud", test))]
    pub(super) fn of_invocation(outcome: &str, payload: &str, names: &[(String, String)]) -> Self {
        Self { status: outcome.to_owned(), headers: BTreeMap::new(), body: neutral(payload, names) }
    }

    /// What differs from the local stack's shape, as lines: `-` is the local stack's, `+` the deployment's.
    pub(super) fn differences(&self, local: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.status != local.status {
            lines.push(format!("- status {}", local.status));
            lines.push(format!("+ status {}", self.status));
        }
        for name in HEADERS {
            let (mine, locals) = (self.headers.get(name), local.headers.get(name));
            if mine != locals {
                lines.extend(locals.map(|value| format!("- {name}: {value}")));
                lines.extend(mine.map(|value| format!("+ {name}: {value}")));
                if mine.is_none() {
                    lines.push(format!("+ no {name}"));
                } else if locals.is_none() {
                    lines.push(format!("- no {name}"));
                }
            }
        }
        let (old, new) = (spread(&local.body), spread(&self.body));
        if old != new {
            let (old, new) = different_part(&old, &new);
            lines.extend(shown(old, '-'));
            lines.extend(shown(new, '+'));
        }
        lines
    }
}

/// The lines between those that both begin with and those that both end with.
fn different_part<'a>(old: &'a [String], new: &'a [String]) -> (&'a [String], &'a [String]) {
    let begin = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[begin..], &new[begin..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    (&old[..old.len() - end], &new[..new.len() - end])
}

fn shown(lines: &[String], sign: char) -> Vec<String> {
    let cut = |line: &String| line.chars().take(WIDTH).collect::<String>();
    let mut shown: Vec<String> = lines.iter().take(SHOWN).map(|line| format!("{sign} {}", cut(line))).collect();
    if lines.len() > SHOWN {
        shown.push(format!("{sign} … {} more lines", lines.len() - SHOWN));
    }
    if lines.is_empty() {
        shown.push(format!("{sign} (nothing)"));
    }
    shown
}

/// JSON with a line for each value and without other white space. It is not parsed, so numbers and the order of keys stay
/// as they are.
fn spread(json: &str) -> Vec<String> {
    let (mut lines, mut line, mut depth) = (Vec::new(), String::new(), 0_usize);
    let (mut in_text, mut escaped) = (false, false);
    let mut finish = |line: &mut String, depth: usize| {
        if !line.is_empty() {
            lines.push(format!("{}{line}", "  ".repeat(depth)));
        }
        line.clear();
    };
    for character in json.chars() {
        if in_text {
            line.push(character);
            in_text = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            '"' => {
                in_text = true;
                line.push(character);
            }
            '{' | '[' => {
                line.push(character);
                finish(&mut line, depth);
                depth += 1;
            }
            '}' | ']' => {
                finish(&mut line, depth);
                depth = depth.saturating_sub(1);
                line.push(character);
            }
            ',' => {
                line.push(character);
                finish(&mut line, depth);
            }
            // Text that is not JSON keeps its lines.
            '\n' if depth == 0 => finish(&mut line, depth),
            ' ' | '\t' | '\r' | '\n' if depth > 0 => {}
            _ => line.push(character),
        }
    }
    finish(&mut line, depth);
    lines
}

/// The text with the values of this run, ids and times replaced.
fn neutral(text: &str, names: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (value, name) in names.iter().filter(|(value, _)| !value.is_empty()) {
        text = text.replace(value, name);
    }
    let text = replace_all(&text, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh", "<uuid>");
    let text = replace_all(&text, "dddd-dd-ddTdd:dd:dd+00:00", "<time>");
    replace_all(&text, "dddd-dd-ddTdd:dd:ddZ", "<time>Z")
}

/// Replaces what fits the pattern, in which `d` is a digit, `h` a hexadecimal digit and anything else itself.
fn replace_all(text: &str, pattern: &str, name: &str) -> String {
    let fits = |bytes: &[u8]| {
        bytes.iter().zip(pattern.bytes()).all(|(byte, expected)| match expected {
            b'd' => byte.is_ascii_digit(),
            b'h' => byte.is_ascii_hexdigit(),
            expected => *byte == expected,
        })
    };
    let (mut result, mut rest) = (String::new(), text);
    while let Some(begin) = rest.as_bytes().windows(pattern.len()).position(fits) {
        result.push_str(&rest[..begin]);
        result.push_str(name);
        rest = &rest[begin + pattern.len()..];
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer { status, headers, body: body.into(), took: Duration::ZERO }
    }

    #[test]
    fn ids_times_and_counters_are_not_compared_and_everything_else_is() {
        let of = |id: &str, time: &str, left: &str, name: &str| {
            let body = format!(r#"{{"id":"{id}","at":"{time}","name":"{name}","n":8742.00}}"#);
            let headers =
                [("x-request-id", id), ("x-ratelimit-remaining", left), ("date", left), ("x-ratelimit-limit", "9")];
            Shape::of(&answer(200, &headers, &body), &[], None)
        };
        let (a, b) = ("6c1f8a57-2f0e-4b5e-9d57-0a1e1a0d9a11", "d6f0d85e-ad08-59b1-a837-e0bfdcd1a434");
        let local = of(a, "2026-11-20T10:58:35+00:00", "3", "José");
        assert_eq!(of(b, "2027-01-01T00:00:00+00:00", "4", "José").differences(&local), [""; 0]);
        // Another format of times is a difference, and so is a name.
        let other = of(b, "2027-01-01T00:00:00Z", "4", "Jose");
        let lines = other.differences(&local);
        assert_eq!(
            lines,
            [r#"-   "at":"<time>","#, r#"-   "name":"José","#, r#"+   "at":"<time>Z","#, r#"+   "name":"Jose","#]
        );
    }

    #[test]
    fn statuses_headers_and_spelling_are_compared() {
        let of = |status, headers: &[(&str, &str)], body: &str| Shape::of(&answer(status, headers, body), &[], None);
        let local = of(405, &[("allow", "GET"), ("content-type", "application/json")], r#"{"n":1.0}"#);
        let lines = of(404, &[("content-type", "application/json")], r#"{"n":1}"#).differences(&local);
        let expected = ["- status 405", "+ status 404", "- allow: GET", "+ no allow", r#"-   "n":1.0"#, r#"+   "n":1"#];
        assert_eq!(lines, expected);
        let names = [("secret-1".to_owned(), "<token>".to_owned())];
        let shape = Shape::of(&answer(200, &[("x-request-id", "mine")], "secret-1 é"), &names, Some("mine"));
        assert_eq!((shape.body.as_str(), shape.headers["x-request-id"].as_str()), ("<token> é", "mine"));
    }

    #[test]
    fn commas_and_brackets_in_strings_end_no_line() {
        assert_eq!(
            spread(r#"{"a":"x,{\"]","b":[1,{}]}"#),
            ["{", r#"  "a":"x,{\"]","#, r#"  "b":["#, "    1,", "    {", "    }", "  ]", "}",]
        );
        assert_eq!(spread("plain text\nof two lines"), ["plain text", "of two lines"]);
        assert_eq!(spread("{ \"a\" : [ 1.0,\n\"b c\" ] }"), spread("{\"a\":[1.0,\"b c\"]}"));
        assert_ne!(spread("[1.0]"), spread("[1.00]"));
    }
}
