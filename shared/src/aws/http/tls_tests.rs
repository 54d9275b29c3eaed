//! Connections to a TLS server on loopback, whose certificate comes from an authority that this test makes.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

use super::*;

/// A server that answers every connection's first request with 204, with a certificate for `name`.
struct Server {
    port: u16,
    /// The authority's certificate, in PEM format.
    authority: String,
}

impl Server {
    fn start(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();

        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), connection.unwrap());
                // Reading fails when the client refuses the certificate.
                if stream.read(&mut [0; 10_000]).is_ok_and(|length| length > 0) {
                    stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
                }
            }
        });
        Server { port, authority }
    }

    /// The status of a request by a client that trusts `roots`.
    async fn get(&self, roots: RootCertificates) -> Result<u16, ConnectorError> {
        let pool = Pool::new(&Arc::new(roots.tls()), Some(Duration::from_secs(10)), Duration::from_secs(20));
        let request = HttpRequest::get(format!("https://127.0.0.1:{}/", self.port)).unwrap();
        pool.call(request).await.map(|response| response.status().as_u16())
    }
}

fn path(directory: &TempDir, file: &str) -> Option<String> {
    Some(directory.path().join(file).to_str().unwrap().to_owned())
}

/// Fails unless the client has refused the server's certificate for this reason.
fn assert_refused(outcome: Result<u16, ConnectorError>, reason: &str) {
    let error = format!("{:?}", outcome.unwrap_err());
    assert!(error.contains("InvalidCertificate") && error.contains(reason), "{error}");
}

#[tokio::test]
async fn a_private_authority_is_trusted_if_a_file_or_directory_has_its_certificate() {
    let server = Server::start("127.0.0.1");
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("authority.pem"), &server.authority).unwrap();
    let file = RootCertificates::new(path(&directory, "authority.pem"), None);
    assert_eq!(server.get(file).await.unwrap(), 204);
    let directory = RootCertificates::new(None, path(&directory, ""));
    assert_eq!(server.get(directory).await.unwrap(), 204);
}

#[tokio::test]
async fn other_authorities_are_refused() {
    let (server, other) = (Server::start("127.0.0.1"), Server::start("127.0.0.1"));
    assert_refused(server.get(RootCertificates::default()).await, "UnknownIssuer");
    // All authorities of this test have the same name, so that only the signature tells them apart.
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("other.pem"), &other.authority).unwrap();
    assert_refused(server.get(RootCertificates::new(path(&directory, "other.pem"), None)).await, "BadSignature");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let server = Server::start("dynamodb.us-east-1.amazonaws.com");
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("authority.pem"), &server.authority).unwrap();
    let roots = RootCertificates::new(path(&directory, "authority.pem"), None);
    assert_refused(server.get(roots).await, "NotValidForName");
}

#[tokio::test]
async fn without_the_named_file_every_server_is_refused() {
    let server = Server::start("127.0.0.1");
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("authority.pem"), &server.authority).unwrap();
    assert_refused(server.get(RootCertificates::new(path(&directory, "absent.pem"), None)).await, "UnknownIssuer");
}
