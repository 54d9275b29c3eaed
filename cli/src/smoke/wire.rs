//! HTTP/1.1 as it is on the wire: requests that most clients would encode or refuse to send, over TCP or TLS.
//!
//! Every request has a connection of its own, so that a server that closes one affects no other request.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Url;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// How long a request may take: more than the 30 s after which API Gateway answers in any case.
const PATIENCE: Duration = Duration::from_secs(40);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The URL has no host, or neither `http` nor `https`.
    #[error("the URL has to begin with https:// or http:// and name a host")]
    Url,
    /// No root certificate is known.
    #[error("this machine has no root certificates; install the package ca-certificates or set SSL_CERT_FILE")]
    Roots,
    /// The connection fails.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The answer is not HTTP.
    #[error("the answer is not HTTP/1.1")]
    NotHttp,
    /// Nothing, or only part of an answer, came in time.
    #[error("no complete answer within {} s", PATIENCE.as_secs())]
    Late,
}

/// A request. The target is sent as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    /// `GET`
    pub(super) method: String,
    /// `/contact?tenantId=me`
    pub(super) target: String,
    /// Without `Host`, `Connection` and `Content-Length`, which are added.
    pub(super) headers: Vec<(String, String)>,
    /// The body; an empty one is sent with `Content-Length: 0`, except with GET and HEAD.
    pub(super) body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// Names in lower case, and values.
    pub(super) headers: Vec<(String, String)>,
    /// The body, decoded from chunks.
    pub(super) body: Vec<u8>,
    /// From connecting to the end of the body.
    pub(super) took: Duration,
}

impl Answer {
    /// The value of a header; the name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Where requests go.
#[derive(Clone)]
pub(super) struct Endpoint {
    host: String,
    port: u16,
    /// What `Host` says.
    authority: String,
    /// The path in front of every target, such as that of a stage, without a slash at its end.
    prefix: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Endpoint {
    /// The endpoint of a URL. For `https:` the system's root certificates are read.
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::Roots`].
    pub(super) fn new(url: &Url) -> Result<Self, Error> {
        let host = url.host_str().ok_or(Error::Url)?.to_owned();
        let port = url.port_or_known_default().ok_or(Error::Url)?;
        let authority = url.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let tls = match url.scheme() {
            "http" => None,
            "https" => Some((connector()?, ServerName::try_from(host.clone()).map_err(|_| Error::Url)?)),
            _ => return Err(Error::Url),
        };
        Ok(Self { host, port, authority, prefix: url.path().trim_end_matches('/').to_owned(), tls })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::NotHttp`], [`Error::Late`].
    pub(super) async fn send(&self, request: &Request) -> Result<Answer, Error> {
        let begun = Instant::now();
        let exchange = async {
            let tcp = TcpStream::connect((self.address(), self.port)).await?;
            tcp.set_nodelay(true)?;
            match &self.tls {
                None => self.exchange(tcp, request).await,
                Some((connector, name)) => {
                    let tls = connector.connect(name.clone(), tcp).await?;
                    self.exchange(tls, request).await
                }
            }
        };
        let mut answer = timeout(PATIENCE, exchange).await.map_err(|_| Error::Late)??;
        answer.took = begun.elapsed();
        Ok(answer)
    }

    /// The name or address to connect to. Names below `localhost` are this machine (RFC 6761), which not every resolver
    /// knows; emulators have such names.
    fn address(&self) -> &str {
        if self.host.ends_with(".localhost") { "127.0.0.1" } else { self.host.trim_matches(['[', ']']) }
    }

    async fn exchange(&self, stream: impl AsyncRead + AsyncWrite, request: &Request) -> Result<Answer, Error> {
        let (mut input, mut output) = split(stream);
        let (head, has_body) = (self.head(request), request.method != "HEAD");
        let write = async {
            output.write_all(head.as_bytes()).await?;
            output.write_all(&request.body).await?;
            output.flush().await
        };
        let read = async {
            let mut bytes = Vec::new();
            loop {
                let at_end = matches!(input.read_buf(&mut bytes).await, Ok(0) | Err(_));
                if let Some(answer) = parse(&bytes, has_body, at_end)? {
                    return Ok(answer);
                }
                if at_end {
                    let closed = || io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed");
                    return Err(if bytes.is_empty() { closed().into() } else { Error::NotHttp });
                }
            }
        };
        tokio::pin!(read);
        tokio::select! {
            // A server may refuse a large body before it has read it, and close the connection. Its answer counts.
            answer = &mut read => answer,
            _ = write => read.await,
        }
    }

    fn head(&self, request: &Request) -> String {
        let Request { method, target, headers, body } = request;
        let mut head = format!("{method} {}{target} HTTP/1.1\r\nHost: {}\r\n", self.prefix, self.authority);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || !matches!(method.as_str(), "GET" | "HEAD") {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head + "User-Agent: carnet-smoke\r\nConnection: close\r\n\r\n"
    }
}

fn connector() -> Result<TlsConnector, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(Error::Roots);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(io::Error::other)?;
    Ok(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}

/// The answer in these bytes; `None` if some of it is missing and the connection is still open.
fn parse(bytes: &[u8], has_body: bool, at_end: bool) -> Result<Option<Answer>, Error> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1."));
    let status = status.and_then(|line| line.split(' ').nth(1)?.parse().ok()).ok_or(Error::NotHttp)?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers: Vec<(String, String)> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let mut answer = Answer { status, headers, body: Vec::new(), took: Duration::ZERO };
    if !has_body || matches!(status, 100..=199 | 204 | 304) {
        return Ok(Some(answer));
    }
    let rest = &bytes[end + 4..];
    let body = if answer.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        unchunk(rest)
    } else {
        match answer.header("content-length").map(str::parse::<usize>) {
            Some(Ok(length)) => rest.get(..length).map(<[u8]>::to_vec),
            Some(Err(_)) => return Err(Error::NotHttp),
            None => at_end.then(|| rest.to_vec()),
        }
    };
    Ok(body.map(|body| {
        answer.body = body;
        answer
    }))
}

/// The data of a chunked body; `None` if some of it is missing.
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..line]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let begin = line + 2;
        body.extend_from_slice(rest.get(begin..begin.checked_add(size)?)?);
        rest = rest.get(begin + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Answer {
        parse(text.as_bytes(), true, true).unwrap().unwrap()
    }

    #[test]
    fn a_body_ends_by_its_length_by_chunks_or_with_the_connection() {
        let cases = [
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nok\r\n1\r\n!\r\n0\r\n\r\n", "ok!"),
            ("HTTP/1.1 200 OK\r\n\r\nok", "ok"),
            ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ];
        for (text, body) in cases {
            let answer = whole(text);
            assert_eq!((answer.text().as_str(), answer.status / 100), (body, 2), "{text}");
        }
        assert_eq!(whole("HTTP/1.1 404 Not Found\r\nX-A:  b \r\n\r\n").header("x-a"), Some("b"));
    }

    #[test]
    fn an_answer_that_is_not_complete_is_waited_for() {
        for text in [
            "HTTP/1.1 200 OK\r\ncontent-le",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
            "HTTP/1.1 200 OK\r\n\r\nok",
        ] {
            assert!(parse(text.as_bytes(), true, false).unwrap().is_none(), "{text}");
        }
        // An answer to HEAD has the length of a body and no body.
        assert!(parse(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", false, false).unwrap().is_some());
        assert!(parse(b"SSH-2.0\r\n\r\n", true, true).is_err());
    }
}
