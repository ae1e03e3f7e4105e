//! Why a TLS handshake failed, told apart as far as a person can act on it.

use std::io;

use rustls::{CertificateError, Error};

/// Why there is no TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate's issuer is not among those that are trusted.
    UnknownCa,
    /// The certificate is for another name.
    NameMismatch,
    /// The certificate is that of an authority, which no server may use as its own: most self-signed ones are such.
    AuthoritysOwn,
    /// The certificate has ended.
    Expired,
    /// The certificate has not begun.
    NotYetValid,
    /// The certificate is wrong in another way.
    Certificate,
    /// What answered does not speak TLS.
    NotTls,
    /// There is no version or cipher that both sides would use.
    NothingInCommon,
    /// The connection ended in the middle.
    HungUp,
    /// The other side sent nothing.
    Silent,
    /// A fault of another kind.
    Other,
}

/// What a failed handshake means.
pub fn fault(error: &io::Error) -> TlsFault {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(certificate)) => of_certificate(certificate),
        Some(Error::InvalidMessage(_)) => TlsFault::NotTls,
        Some(Error::PeerIncompatible(_) | Error::AlertReceived(_)) => TlsFault::NothingInCommon,
        Some(_) => TlsFault::Other,
        None => match error.kind() {
            io::ErrorKind::TimedOut => TlsFault::Silent,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                TlsFault::HungUp
            }
            _ => TlsFault::Other,
        },
    }
}

fn of_certificate(certificate: &CertificateError) -> TlsFault {
    match certificate {
        CertificateError::UnknownIssuer => TlsFault::UnknownCa,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => TlsFault::NameMismatch,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsFault::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => TlsFault::NotYetValid,
        // webpki's own error, which rustls hands on without a type.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => TlsFault::AuthoritysOwn,
        _ => TlsFault::Certificate,
    }
}
