//! The certificate by which the daemon shows who it is, and what is spoken behind it.
//!
//! Read once: a new certificate wants a new daemon, which takes up the old one's jobs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::ServeError;

/// Where certificate and key are.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The daemon's certificate and those behind it, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

impl Tls {
    /// What takes connections with them.
    ///
    /// # Errors
    /// [`ServeError::Tls`] if they cannot be read, or do not belong together.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, ServeError> {
        let failed = |path: &Path, why: String| ServeError::Tls { path: path.display().to_string(), why };
        let chain = CertificateDer::pem_file_iter(&self.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.map_err(|why| failed(&self.certificate, why.to_string()))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|why| failed(&self.key, why.to_string()))?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
        Ok(TlsAcceptor::from(Arc::new(config.map_err(|why| failed(&self.certificate, why.to_string()))?)))
    }
}
