//! Which route takes a request, by API Gateway's rules for HTTP APIs.
//!
//! The most specific path wins: segment by segment, a literal before a `{parameter}`; then a named method before `ANY`.
//! `$default` takes the rest. Greedy parameters (`{proxy+}`) are refused when the template is read.

use axum::http::Method;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::template::{Route, Template};

/// The routes of a template.
pub(super) struct Routes(Vec<(Route, String)>);

/// A route that takes a request.
#[derive(Debug, PartialEq)]
pub(super) struct RouteMatch<'a> {
    /// The function's local name.
    pub(super) function: &'a str,
    /// The route key: `GET /contacts/{id}`.
    pub(super) key: String,
    /// The path parameters, decoded.
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

    /// The route for a request; `path` is still percent-encoded.
    pub(super) fn find(&self, method: &Method, path: &str) -> Option<RouteMatch<'_>> {
        let fitting = self.0.iter().filter_map(|(route, function)| {
            let any = route.method == "ANY";
            if !any && route.method != method.as_str() {
                return None;
            }
            let (rank, parameters) = fit(&route.path, path)?;
            Some(((rank, any), RouteMatch { function, key: route.key(), parameters }))
        });
        fitting.min_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, found)| found)
    }
}

/// How specific a path is: the kind of every segment. Smaller is more specific.
type Rank = Vec<SegmentKind>;

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum SegmentKind {
    Literal,
    Parameter,
    /// Not a segment: the route `$default`.
    Default,
}

fn fit(pattern: &str, path: &str) -> Option<(Rank, Map<String, Value>)> {
    let (mut rank, mut parameters) = (Rank::new(), Map::new());
    if pattern == "$default" {
        return Some((vec![SegmentKind::Default], parameters));
    }
    let mut segments = path.split('/');
    for expected in pattern.split('/') {
        let segment = segments.next()?;
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            None if expected == segment => rank.push(SegmentKind::Literal),
            None => return None,
            Some(_) if segment.is_empty() => return None,
            Some(name) => {
                let value = percent_decode_str(segment).decode_utf8_lossy();
                parameters.insert(name.to_owned(), value.into());
                rank.push(SegmentKind::Parameter);
            }
        }
    }
    segments.next().is_none().then_some((rank, parameters))
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
            "ANY /{name}",
            "ANY /pets/{kind}/{id}",
            "GET /pets/{kind}/{id}",
            "GET /{all}/cat/{id}",
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
            ("GET /pats/cat/3", "GET /{all}/cat/{id}", "all=pats id=3"),
            ("GET /pets/cat/3/4", "$default", ""),
            ("GET /pets/cat/", "$default", ""),
            ("GET /pets", "ANY /{name}", "name=pets"),
            ("POST /pets", "POST /pets", ""),
            ("DELETE /pets/cat/3", "ANY /pets/{kind}/{id}", "id=3 kind=cat"),
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
    fn a_request_without_a_fitting_route_has_none() {
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
