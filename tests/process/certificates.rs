//! Certificates for tests, made when they run: files would expire.
//!
//! Takes: who signs, for whom, until when. Gives: certificate and key as PEM.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
};

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
    serial: SerialNumber,
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
        // One key for each certificate: a part of it is as good a number as any.
        let serial = SerialNumber::from(key.public_key_raw().iter().skip(1).take(16).copied().collect::<Vec<u8>>());
        parameters.serial_number = Some(serial.clone());
        let certificate = parameters.signed_by(&key, &self.issuer).map_err(said)?.pem();
        Ok(Signed { certificate, key: key.serialize_pem(), serial })
    }

    /// A list of those that count no more.
    pub(crate) fn revoke(&self, revoked: &[&Signed]) -> Result<String, String> {
        let since = date_time_ymd(2020, 1, 1);
        let revoked = revoked.iter().map(|signed| RevokedCertParams {
            serial_number: signed.serial.clone(),
            revocation_time: since,
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: since,
            next_update: date_time_ymd(2999, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).and_then(|list| list.pem()).map_err(said)
    }
}
