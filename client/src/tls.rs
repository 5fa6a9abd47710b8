//! TLS below the protocol: whom this side trusts, and what it shows.
//!
//! Takes: the parameters of a URL and the PEM files that they name. Gives: what a connection needs to begin TLS. Must stay true: a
//! server that cannot be verified is not spoken to, unless somebody asked for that by name.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_rustls::{TlsConnector, rustls};

use crate::error::Error;
use crate::url::{BrokerUrl, UrlError};

/// The longest PEM file that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// The only form of stores.
const PEM: &str = "PEM";

/// Whom this side trusts, and what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// A PEM file with the certificates of those who sign for servers.
    pub trust_store: Option<PathBuf>,
    /// A PEM file with this side's certificate and key.
    pub key_store: Option<PathBuf>,
    /// Any certificate will do: whoever is between the two sides can read and change everything.
    pub trust_all: bool,
    /// The certificate must be for the host that is spoken to.
    pub verify_host: bool,
}

impl Default for TlsOptions {
    fn default() -> TlsOptions {
        TlsOptions { trust_store: None, key_store: None, trust_all: false, verify_host: true }
    }
}

impl TlsOptions {
    /// What a URL says: `sslEnabled`, `trustStorePath`, `keyStorePath`, `trustAll`, `verifyHost`. `None`: no TLS.
    pub fn from_url(url: &BrokerUrl) -> Result<Option<TlsOptions>, UrlError> {
        if !url.flag("sslEnabled")?.unwrap_or(false) {
            return Ok(None);
        }
        for kind in ["trustStoreType", "keyStoreType"] {
            if let Some(other) = url.parameter(kind).filter(|value| !value.eq_ignore_ascii_case(PEM)) {
                return Err(UrlError::new(other, format!("{PEM} for {kind}")));
            }
        }
        let options = TlsOptions {
            trust_store: url.parameter("trustStorePath").map(PathBuf::from),
            key_store: url.parameter("keyStorePath").map(PathBuf::from),
            trust_all: url.flag("trustAll")?.unwrap_or(false),
            verify_host: url.flag("verifyHost")?.unwrap_or(true),
        };
        if options.trust_store.is_none() && !options.trust_all {
            let expected =
                "trustStorePath with sslEnabled=true: a PEM file with the certificate of who signs for the broker";
            return Err(UrlError::new("sslEnabled=true", expected));
        }
        Ok(Some(options))
    }

    /// Begins TLS on a connection to this host.
    pub(crate) async fn begin(&self, host: &str, socket: TcpStream) -> Result<TlsStream<TcpStream>, Begun> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| Begun::Setup(format!("{host} cannot be the name in a certificate")))?;
        let config = self.config().map_err(Begun::Setup)?;
        TlsConnector::from(Arc::new(config)).connect(name, socket).await.map_err(Begun::Failed)
    }

    fn config(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let builder = match &self.trust_store {
            _ if self.trust_all => {
                let verifier = Lenient { inner: None, provider };
                builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
            }
            None => return Err("nobody is trusted: set trustStorePath".to_owned()),
            Some(path) => {
                let trusted = Arc::new(roots(path)?);
                let verifier = WebPkiServerVerifier::builder_with_provider(trusted, Arc::clone(&provider)).build();
                let verifier = verifier.map_err(|error| format!("trustStorePath={}: {error}", path.display()))?;
                if self.verify_host {
                    builder.with_webpki_verifier(verifier)
                } else {
                    let verifier = Lenient { inner: Some(verifier), provider };
                    builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
                }
            }
        };
        let Some(path) = &self.key_store else { return Ok(builder.with_no_client_auth()) };
        let (shown, file) = (path.display(), read(path, "keyStorePath")?);
        let chain = certificates(&file).map_err(|what| format!("keyStorePath={shown}: {what}"))?;
        let key = PrivateKeyDer::from_pem_slice(&file);
        let key = key.map_err(|_| format!("keyStorePath={shown}: there is no unencrypted private key in PEM in it"))?;
        builder.with_client_auth_cert(chain, key).map_err(|error| format!("keyStorePath={shown}: {error}"))
    }
}

/// Why TLS did not begin.
pub(crate) enum Begun {
    /// What it needs on this side is wrong.
    Setup(String),
    /// The two sides did not come to terms.
    Failed(io::Error),
}

impl Begun {
    pub(crate) fn error(self, unreachable: impl FnOnce(io::Error) -> Error) -> Error {
        match self {
            Begun::Setup(text) => Error::Tls(text),
            Begun::Failed(error) => unreachable(error),
        }
    }
}

fn read(path: &Path, parameter: &str) -> Result<Vec<u8>, String> {
    let unreadable = |error: io::Error| format!("{parameter}={} cannot be read: {error}", path.display());
    let mut bytes = Vec::new();
    let mut file = std::fs::File::open(path).map_err(unreadable)?.take(FILE_BYTES_MAX + 1);
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!(
            "{parameter}={} is longer than {FILE_BYTES_MAX} bytes: is it the right file?",
            path.display()
        ));
    }
    Ok(bytes)
}

fn certificates(file: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(file).collect();
    match all {
        Ok(all) if all.is_empty() => Err("there is no certificate in PEM in it".to_owned()),
        Ok(all) => Ok(all),
        Err(_) => Err("it is no PEM file".to_owned()),
    }
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let file = read(path, "trustStorePath")?;
    let wrong = |what: String| format!("trustStorePath={}: {what}", path.display());
    let mut trusted = RootCertStore::empty();
    for certificate in certificates(&file).map_err(wrong)? {
        trusted.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    Ok(trusted)
}

/// Takes a certificate for another host, or, without anybody who is trusted, any certificate.
#[derive(Debug)]
struct Lenient {
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<rustls::crypto::CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(own, others, name, ocsp, now) {
            // The name is looked at last: all else was right.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, own, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, own, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
