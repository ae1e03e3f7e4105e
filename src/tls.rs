//! TLS as a client: the system's roots plus, per endpoint, a `ca_file`; the same for HTTP, IMAP and PostgreSQL.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;

pub use fault::TlsFault;

pub mod fault;

/// Why no TLS configuration could be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The `ca_file` cannot be read or holds no certificate.
    #[error("cannot read certificates from {}", path.display())]
    CaFile {
        /// The file as configured.
        path: PathBuf,
        /// What went wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// The `ca_file` holds no certificate at all.
    #[error("{} holds no certificate in PEM form", .0.display())]
    NoCertificate(PathBuf),
    /// The system's roots cannot be loaded, or a certificate is malformed.
    #[error("cannot set up certificate verification (is the package ca-certificates installed?)")]
    Verifier(#[from] rustls::Error),
}

/// A client configuration that trusts the system's roots and those in `ca_file`.
pub fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
    let roots = ca_file.map(read_certificates).transpose()?.unwrap_or_default();
    let verifier = Verifier::new_with_extra_roots(roots, provider.clone())?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous() // rustls' name for any verifier that is not its own; this one is the platform's
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|source| TlsError::CaFile { path: path.to_owned(), source })?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(certificates)
}
