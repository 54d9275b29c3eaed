//! The HTTP client of the AWS SDK: HTTP/1.1 on pooled connections, with TLS by rustls and ring.
//!
//! The SDK's own client always contains HTTP/2, which DynamoDB and EventBridge do not need and which adds more than
//! 200 KB to a function; and it reads and parses all root certificates of the system for each service client. This one does
//! neither. The SDK still owns retries and the timeouts of attempts; only the connect timeout is kept here.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents};

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use hyper::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpInfo, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tower_service::Service;

use super::roots::RootCertificates;

type BoxError = Box<dyn Error + Send + Sync>;

/// Connections by connect timeout, of which a process has one for each AWS service.
#[derive(Debug)]
pub(super) struct PooledHttp {
    tls: Arc<ClientConfig>,
    idle_timeout: Duration,
    connectors: Mutex<Vec<(Option<Duration>, SharedHttpConnector)>>,
}

impl PooledHttp {
    /// Connections to servers that `roots` trust. Those that have been idle for `idle_timeout` are not used again.
    pub(super) fn new(roots: &RootCertificates, idle_timeout: Duration) -> Self {
        PooledHttp { tls: Arc::new(roots.tls()), idle_timeout, connectors: Mutex::default() }
    }
}

impl HttpClient for PooledHttp {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let limit = settings.connect_timeout();
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, connector)) = connectors.iter().find(|(of, _)| *of == limit) {
            return connector.clone();
        }
        let connector = SharedHttpConnector::new(Pool::new(&self.tls, limit, self.idle_timeout));
        connectors.push((limit, connector.clone()));
        connector
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        Some(ConnectorMetadata::new("hyper", Some("1.x".into())))
    }
}

/// A pool of connections.
#[derive(Debug)]
struct Pool(Client<Connect, SdkBody>);

impl Pool {
    fn new(tls: &Arc<ClientConfig>, limit: Option<Duration>, idle_timeout: Duration) -> Self {
        let mut tcp = hyper_util::client::legacy::connect::HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connect = Connect { https: HttpsConnector::from((tcp, tls.clone())), limit };
        let mut client = Client::builder(TokioExecutor::new());
        // Without a timer, idle connections would never be dropped.
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(idle_timeout);
        Pool(client.build(connect))
    }
}

impl HttpConnector for Pool {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        // After a timeout, the SDK takes the connection out of the pool, so that a retry uses another one.
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || metadata(&connection));
        }
        let response = self.0.request(request);
        HttpConnectorFuture::new(async move {
            let response = response.await.map_err(|error| classify(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn metadata(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    let mut extensions = hyper::http::Extensions::new();
    connection.connection_metadata().as_ref()?.get_extras(&mut extensions);
    let info = extensions.get::<HttpInfo>();
    let captured = connection.clone();
    let mut metadata = ConnectionMetadata::builder().proxied(false).poison_fn(move || {
        if let Some(connected) = captured.connection_metadata().as_ref() {
            connected.poison();
        }
    });
    metadata.set_local_addr(info.map(HttpInfo::local_addr)).set_remote_addr(info.map(HttpInfo::remote_addr));
    Some(metadata.build())
}

/// Opens connections, TCP and TLS together within the limit.
#[derive(Debug, Clone)]
struct Connect {
    https: HttpsConnector<hyper_util::client::legacy::connect::HttpConnector>,
    limit: Option<Duration>,
}

impl Service<Uri> for Connect {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connection = self.https.call(uri);
        match self.limit {
            None => Box::pin(connection),
            Some(limit) => Box::pin(async move { timeout(limit, connection).await? }),
        }
    }
}

/// What an error means for the SDK's decision about a retry.
fn classify(error: BoxError) -> ConnectorError {
    if find::<Elapsed>(error.as_ref()).is_some() {
        return ConnectorError::timeout(error);
    }
    let is_io = find::<std::io::Error>(error.as_ref()).is_some();
    match find::<hyper::Error>(error.as_ref()) {
        Some(cause) if cause.is_timeout() => ConnectorError::timeout(error),
        Some(cause) if cause.is_user() => ConnectorError::user(error),
        Some(cause) if cause.is_closed() || cause.is_canceled() || is_io => ConnectorError::io(error),
        // The server closed the connection instead of answering.
        Some(cause) if cause.is_incomplete_message() => ConnectorError::other(error, Some(ErrorKind::TransientError)),
        Some(_) => ConnectorError::other(error, None),
        None => {
            let cause = find::<hyper_util::client::legacy::Error>(error.as_ref());
            let is_connect = cause.is_some_and(hyper_util::client::legacy::Error::is_connect);
            if is_connect || is_io { ConnectorError::io(error) } else { ConnectorError::other(error, None) }
        }
    }
}

/// The first error of this type in the chain of causes.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tls_tests;

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{SocketAddr, TcpListener};
    use std::thread;

    use super::*;

    /// The outcome of a request to `url`, with 200 ms for the connection.
    async fn failure(url: String) -> ConnectorError {
        let pool = Pool::new(
            &Arc::new(RootCertificates::default().tls()),
            Some(Duration::from_millis(200)),
            Duration::from_secs(20),
        );
        pool.call(HttpRequest::get(url).unwrap()).await.unwrap_err()
    }

    /// A server that does `serve` with its first connection.
    fn server(serve: impl FnOnce(std::net::TcpStream) + Send + 'static) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(listener.accept().unwrap().0));
        address
    }

    #[tokio::test]
    async fn a_refused_connection_is_an_io_error() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = failure(format!("http://{address}/")).await;
        assert!(error.is_io(), "{error:?}");
    }

    #[tokio::test]
    async fn a_handshake_that_is_not_answered_is_a_timeout() {
        let address = server(|mut connection| drop(connection.read_to_end(&mut Vec::new())));
        let error = failure(format!("https://{address}/")).await;
        assert!(error.is_timeout(), "{error:?}");
    }

    #[tokio::test]
    async fn a_connection_that_closes_instead_of_answering_is_worth_a_retry() {
        let address = server(|mut connection| drop(connection.read(&mut [0; 10_000])));
        let error = failure(format!("http://{address}/")).await;
        assert!(error.is_io() || error.as_other() == Some(ErrorKind::TransientError), "{error:?}");
    }
}
