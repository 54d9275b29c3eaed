//! Which servers are trusted: those whose certificates lead to one of Mozilla's root certificates, which are compiled in
//! and need no parsing, or to one of an operator's own.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::{CertificateResult, load_certs_from_paths};
use webpki_roots::TLS_SERVER_ROOTS;

/// The root certificates that a process trusts. By default, those that Mozilla trusted when this was built; they include
/// the ones that the certificates of all AWS endpoints lead to.
#[derive(Debug, Clone, Default)]
pub struct RootCertificates {
    paths: Vec<Path>,
}

#[derive(Debug, Clone)]
enum Path {
    File(PathBuf),
    Directory(PathBuf),
}

impl RootCertificates {
    /// The certificates in `file` and in the files of `directories`, which a colon separates, in PEM format: the values
    /// of `SSL_CERT_FILE` and `SSL_CERT_DIR`. They replace the default ones, which are kept if both are `None`.
    pub fn new(file: Option<String>, directories: Option<String>) -> Self {
        let file = file.map(|file| Path::File(file.into()));
        let directories = directories.iter().flat_map(std::env::split_paths);
        let directories = directories.filter(|path| !path.as_os_str().is_empty()).map(Path::Directory);
        RootCertificates { paths: file.into_iter().chain(directories).collect() }
    }

    /// A TLS configuration that trusts them. If no certificate can be read, it trusts no server: connections to https
    /// URLs fail, and those to http URLs, for example the local stack's, work.
    pub(super) fn tls(&self) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has cipher suites for TLS 1.2 and 1.3")
            .with_root_certificates(self.store())
            .with_no_client_auth()
    }

    fn store(&self) -> RootCertStore {
        if self.paths.is_empty() {
            return RootCertStore { roots: TLS_SERVER_ROOTS.to_vec() };
        }
        let mut store = RootCertStore::empty();
        for path in &self.paths {
            let CertificateResult { certs, errors, .. } = match path {
                Path::File(path) => load_certs_from_paths(Some(path), None),
                Path::Directory(path) => load_certs_from_paths(None, Some(path)),
            };
            for error in &errors {
                tracing::warn!(%error, "a root certificate of SSL_CERT_FILE or SSL_CERT_DIR could not be read");
            }
            store.add_parsable_certificates(certs);
        }
        if store.is_empty() {
            tracing::warn!(
                "SSL_CERT_FILE and SSL_CERT_DIR name no root certificate, so every https connection will fail"
            );
        }
        store
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_certificates_include_those_of_aws() {
        let store = RootCertificates::default().store();
        // Amazon Trust Services' own and those that sign for it or for older endpoints.
        for name in
            ["Amazon Root CA 1", "Amazon Root CA 2", "Amazon Root CA 3", "Amazon Root CA 4", "DigiCert Global Root G2"]
        {
            let known =
                store.roots.iter().any(|root| root.subject.windows(name.len()).any(|part| part == name.as_bytes()));
            assert!(known, "{name}");
        }
    }

    #[test]
    fn several_directories_are_separated_by_colons() {
        let roots = RootCertificates::new(Some("/one.pem".into()), Some("/two::/three".into()));
        assert_eq!(format!("{:?}", roots.paths), r#"[File("/one.pem"), Directory("/two"), Directory("/three")]"#);
    }
}
