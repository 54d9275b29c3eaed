//! HTTP answers, and assertions about them.

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An HTTP answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    /// Reads the whole answer.
    pub async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, body: response.text().await.unwrap() }
    }

    /// Asserts the status and the whole body. In `body`, `<id>` stands for any id and `<time>` for any time.
    #[track_caller]
    pub fn is(&self, status: u16, body: &str) -> &Self {
        assert_eq!((self.status, self.shape().as_str()), (status, body), "the whole answer: {}", self.body);
        self
    }

    /// Asserts that a header has this value.
    #[track_caller]
    pub fn has(&self, header: &str, value: &str) -> &Self {
        assert_eq!(self.headers.get(header).map(|v| v.to_str().unwrap()), Some(value), "{header}");
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The `id` of the contact in the body.
    #[track_caller]
    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_else(|| panic!("no id: {}", self.body)).to_owned()
    }

    /// The value of one key in every object of the body, which is a list.
    #[track_caller]
    pub fn each(&self, key: &str) -> Vec<String> {
        assert_eq!(self.status, 200, "{}", self.body);
        let list = self.json();
        let list = list.as_array().unwrap_or_else(|| panic!("no list: {}", self.body));
        list.iter().map(|row| row[key].as_str().unwrap_or("null").to_owned()).collect()
    }

    /// The body with every id replaced by `<id>` and every time by `<time>`.
    pub fn shape(&self) -> String {
        let pieces = self.body.split('"').map(|piece| match piece {
            id if id.len() == 36 && uuid::Uuid::try_parse(id).is_ok() && id == id.to_lowercase() => "<id>",
            time if is_time(time) => "<time>",
            other => other,
        });
        pieces.collect::<Vec<_>>().join("\"")
    }
}

/// Whether the text is a time in the format of Qyvo (`+00:00`) or FlowIQ (`Z`).
fn is_time(text: &str) -> bool {
    let Ok(time) = text.parse::<contacts::model::Timestamp>() else { return false };
    text == time.to_string() || text == time.to_string().replace("+00:00", "Z")
}

/// The body of a 422 that rejects one field.
pub fn invalid(field: &str, message: &str) -> String {
    format!(r#"{{"message":"The given data was invalid.","errors":{{"{field}":["{message}"]}}}}"#)
}
