//! A throw-away certificate authority and one server certificate for loopback. Keys live as long as the directory.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

use super::{Certificate, DovecotError};

/// Writes `ca.pem`, `server.pem` and `server.key` into `dir`; returns the path of the first.
pub(super) fn write(dir: &Path, certificate: Certificate) -> Result<PathBuf, DovecotError> {
    fs::create_dir_all(dir)?;
    let ca_key = KeyPair::generate()?;
    let ca_params = authority()?;
    let ca = ca_params.self_signed(&ca_key)?;
    let issuer = Issuer::new(ca_params, ca_key);
    let server_key = KeyPair::generate()?;
    let chain = match certificate {
        Certificate::SelfSigned => authority()?.self_signed(&server_key)?.pem(),
        Certificate::Sound | Certificate::OtherName | Certificate::Expired | Certificate::NotYetValid => {
            servers(certificate)?.signed_by(&server_key, &issuer)?.pem() + &ca.pem()
        }
    };
    fs::write(dir.join("server.pem"), chain)?;
    fs::write(dir.join("server.key"), server_key.serialize_pem())?;
    let ca_file = dir.join("ca.pem");
    fs::write(&ca_file, ca.pem())?;
    Ok(ca_file)
}

fn authority() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, "mail2jira sandbox, trust it nowhere else");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}

fn servers(certificate: Certificate) -> Result<CertificateParams, rcgen::Error> {
    let names = match certificate {
        Certificate::OtherName => vec!["mail.example.test".to_owned()],
        Certificate::Sound | Certificate::Expired | Certificate::NotYetValid | Certificate::SelfSigned => {
            vec!["localhost".to_owned(), "127.0.0.1".to_owned()]
        }
    };
    let mut params = CertificateParams::new(names)?;
    match certificate {
        Certificate::Expired => params.not_after = date_time_ymd(2001, 1, 1),
        Certificate::NotYetValid => params.not_before = date_time_ymd(4000, 1, 1),
        Certificate::Sound | Certificate::OtherName | Certificate::SelfSigned => {}
    }
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}
