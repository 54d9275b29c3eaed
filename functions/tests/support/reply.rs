//! Answers, and how tests read them.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer, whole.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    pub async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, body: response.text().await.unwrap() }
    }

    /// Asserts the status and the whole body, in which `<id>` stands for any id and `<time>` for
    /// any time.
    #[track_caller]
    pub fn is(&self, status: u16, body: &str) -> &Self {
        assert_eq!((self.status, self.shape().as_str()), (status, body), "in full: {}", self.body);
        self
    }

    /// Asserts the value of a header.
    #[track_caller]
    pub fn has(&self, header: &str, value: &str) -> &Self {
        assert_eq!(self.headers.get(header).map(|v| v.to_str().unwrap()), Some(value), "{header}");
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The `id` of the contact in the body.
    #[track_caller]
    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_else(|| panic!("no id: {}", self.body)).to_owned()
    }

    /// One key of every object in the list that the body is.
    #[track_caller]
    pub fn each(&self, key: &str) -> Vec<String> {
        assert_eq!(self.status, 200, "{}", self.body);
        let list = self.json();
        let list = list.as_array().unwrap_or_else(|| panic!("no list: {}", self.body));
        list.iter().map(|row| row[key].as_str().unwrap_or("null").to_owned()).collect()
    }

    /// The body with ids and times taken out. Both stand between quotes.
    pub fn shape(&self) -> String {
        let pieces = self.body.split('"').map(|piece| match piece {
            id if id.len() == 36 && uuid::Uuid::try_parse(id).is_ok() && id == id.to_lowercase() => "<id>",
            time if is_time(time) => "<time>",
            other => other,
        });
        pieces.collect::<Vec<_>>().join("\"")
    }
}

/// Whether it is a time as one of the dialects writes it.
fn is_time(text: &str) -> bool {
    let Ok(time) = text.parse::<contacts::model::Timestamp>() else { return false };
    text == time.to_string() || text == time.to_string().replace("+00:00", "Z")
}
