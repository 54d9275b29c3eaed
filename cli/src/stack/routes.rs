//! Which route takes a request, by API Gateway's rules for HTTP APIs.
//!
//! The most specific path wins: segment by segment, a literal before a `{parameter}` before a
//! greedy `{proxy+}`; then the method by name before `ANY`; `$default` takes what is left.

use axum::http::Method;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::template::{Route, Template};

/// The routes of a template.
pub(super) struct Routes(Vec<(Route, String)>);

/// A route that takes a request.
#[derive(Debug, PartialEq)]
pub(super) struct Match<'a> {
    /// The function's local name.
    pub(super) function: &'a str,
    /// The route's key: `GET /contacts/{id}`.
    pub(super) key: String,
    /// The path's parameters, decoded.
    pub(super) parameters: Map<String, Value>,
}

impl Routes {
    pub(super) fn new(template: &Template) -> Self {
        let routes = template.functions.iter().flat_map(|function| {
            let routes = function.routes.iter();
            routes.map(|route| (route.clone(), function.binary.clone()))
        });
        Self(routes.collect())
    }

    /// The route for a request; `path` as it came over the wire.
    pub(super) fn find(&self, method: &Method, path: &str) -> Option<Match<'_>> {
        let fitting = self.0.iter().filter_map(|(route, function)| {
            let any = route.method == "ANY";
            if !any && route.method != method.as_str() {
                return None;
            }
            let (rank, parameters) = fit(&route.path, path)?;
            Some(((rank, any), Match { function, key: route.key(), parameters }))
        });
        fitting.min_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, found)| found)
    }
}

/// How specific a path is: the kind of every segment, most specific first.
type Rank = Vec<Kind>;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Literal,
    Parameter,
    Greedy,
    Default,
}

fn fit(pattern: &str, path: &str) -> Option<(Rank, Map<String, Value>)> {
    let (mut rank, mut parameters) = (Rank::new(), Map::new());
    if pattern == "$default" {
        return Some((vec![Kind::Default], parameters));
    }
    let mut set = |name: &str, value: &str| {
        let value = percent_decode_str(value).decode_utf8_lossy();
        parameters.insert(name.to_owned(), value.into());
    };
    let mut rest = Some(path);
    for segment in pattern.split('/') {
        let whole = rest?;
        let (head, tail) = whole.split_once('/').map_or((whole, None), |(head, tail)| (head, Some(tail)));
        rest = tail;
        match segment.strip_prefix('{').and_then(|segment| segment.strip_suffix('}')) {
            None if segment == head => rank.push(Kind::Literal),
            None => return None,
            Some(_) if head.is_empty() => return None,
            Some(name) => match name.strip_suffix('+') {
                None => {
                    set(name, head);
                    rank.push(Kind::Parameter);
                }
                Some(name) => {
                    set(name, whole);
                    rank.push(Kind::Greedy);
                    rest = None;
                }
            },
        }
    }
    rest.is_none().then_some((rank, parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(keys: &[&str]) -> Routes {
        let routes = keys.iter().map(|key| {
            let (method, path) = key.split_once(' ').unwrap_or(("ANY", key));
            let route = Route { method: method.into(), path: path.into() };
            (route, "f".to_owned())
        });
        Routes(routes.collect())
    }

    #[test]
    fn the_most_specific_route_wins() {
        let routes = routes(&[
            "ANY /{proxy+}",
            "GET /pets/{proxy+}",
            "GET /pets/{kind}/{id}",
            "GET /pets/dog/{id}",
            "GET /pets/dog/1",
            "ANY /pets/dog/1",
            "POST /pets",
            "GET /",
            "$default",
        ]);
        let cases = [
            ("GET /pets/dog/1", "GET /pets/dog/1", ""),
            ("PUT /pets/dog/1", "ANY /pets/dog/1", ""),
            ("GET /pets/dog/2", "GET /pets/dog/{id}", "id=2"),
            ("GET /pets/cat/a%20b%2Fc", "GET /pets/{kind}/{id}", "id=a b/c kind=cat"),
            ("GET /pets/cat/3/4", "GET /pets/{proxy+}", "proxy=cat/3/4"),
            ("GET /pets/cat/", "GET /pets/{proxy+}", "proxy=cat/"),
            ("GET /pets", "ANY /{proxy+}", "proxy=pets"),
            ("POST /pets", "POST /pets", ""),
            ("DELETE /pets/cat/3", "ANY /{proxy+}", "proxy=pets/cat/3"),
            ("GET /", "GET /", ""),
            ("POST /", "$default", ""),
        ];
        for (request, key, parameters) in cases {
            let (method, path) = request.split_once(' ').unwrap();
            let found = routes.find(&method.parse().unwrap(), path).unwrap();
            let found_parameters: Vec<String> =
                found.parameters.iter().map(|(name, value)| format!("{name}={}", value.as_str().unwrap())).collect();
            assert_eq!((&*found.key, &*found_parameters.join(" ")), (key, parameters), "{request}");
        }
    }

    #[test]
    fn what_no_route_names_has_none() {
        let routes = routes(&["GET /pets", "POST /pets/{id}", "ANY /any"]);
        for request in
            ["POST /pets", "HEAD /pets", "GET /pets/", "GET /Pets", "POST /pets/", "POST /pets/1/2", "GET /", "GET *"]
        {
            let (method, path) = request.split_once(' ').unwrap();
            assert_eq!(routes.find(&method.parse().unwrap(), path), None, "{request}");
        }
        assert!(routes.find(&Method::HEAD, "/any").is_some());
    }
}
