//! A throw-away certificate authority and one server certificate for loopback. Keys live as long as the directory.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use super::DovecotError;

/// Writes `ca.pem`, `server.pem` and `server.key` into `dir`; returns the path of the first.
pub(super) fn write(dir: &Path) -> Result<PathBuf, DovecotError> {
    fs::create_dir_all(dir)?;
    let ca_key = KeyPair::generate()?;
    let ca_params = authority()?;
    let ca = ca_params.self_signed(&ca_key)?;
    let issuer = Issuer::new(ca_params, ca_key);
    let server_key = KeyPair::generate()?;
    let server = loopback()?.signed_by(&server_key, &issuer)?;
    fs::write(dir.join("server.pem"), server.pem() + &ca.pem())?;
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

fn loopback() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}
