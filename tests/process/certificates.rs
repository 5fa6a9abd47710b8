//! Certificates for tests, made when they run: files would expire.
//!
//! Takes: who signs, for whom, until when. Gives: certificate and key as PEM.

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// Somebody who signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub(crate) pem: String,
}

/// A certificate and its key.
pub(crate) struct Signed {
    /// The certificate.
    pub(crate) certificate: String,
    /// The private key.
    pub(crate) key: String,
}

impl Signed {
    /// Both, as one file.
    pub(crate) fn both(&self) -> String {
        format!("{}{}", self.certificate, self.key)
    }
}

/// When a certificate may be used.
#[derive(Clone, Copy)]
pub(crate) enum When {
    Now,
    Past,
    Future,
}

fn said(error: rcgen::Error) -> String {
    error.to_string()
}

fn parameters(hosts: &[&str], common_name: &str) -> Result<CertificateParams, String> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut parameters = CertificateParams::new(hosts).map_err(said)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Example");
    name.push(DnType::CommonName, common_name);
    parameters.distinguished_name = name;
    Ok(parameters)
}

impl Authority {
    pub(crate) fn new(name: &str) -> Result<Self, String> {
        let mut parameters = parameters(&[], name)?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(said)?;
        let pem = parameters.self_signed(&key).map_err(said)?.pem();
        Ok(Self { issuer: Issuer::new(parameters, key), pem })
    }

    /// A certificate for `O=Example,CN=name`, and these hosts.
    pub(crate) fn sign(&self, hosts: &[&str], name: &str, when: When) -> Result<Signed, String> {
        let mut parameters = parameters(hosts, name)?;
        (parameters.not_before, parameters.not_after) = match when {
            When::Now => (date_time_ymd(2001, 1, 1), date_time_ymd(2999, 1, 1)),
            When::Past => (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1)),
            When::Future => (date_time_ymd(2998, 1, 1), date_time_ymd(2999, 1, 1)),
        };
        let key = KeyPair::generate().map_err(said)?;
        let certificate = parameters.signed_by(&key, &self.issuer).map_err(said)?.pem();
        Ok(Signed { certificate, key: key.serialize_pem() })
    }
}
