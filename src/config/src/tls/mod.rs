//! What an acceptor needs for TLS: its certificate and key, and whose certificates clients may show.
//!
//! Takes: the settings of the acceptor, and the PEM files that they name. Gives: [`Tls`], or errors at the settings that say what is
//! wrong with a file. Must stay true: a key fits its certificate, and none is out of date, or there is no [`Tls`]; no byte of a key is
//! shown; a file is read up to a bound.

mod certificate;
mod name;
mod pem;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::RootCertStore;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;

pub use certificate::Certificate;
pub(crate) use name::normal;
use pem::Problem;

use crate::check::at;
use crate::diagnostic::{Code, Diagnostic, Report, Severity};
use crate::table::Config;
use crate::types::Protocols;

/// Bytes of a certificate with its chain: more would be too much for a client that has not logged in.
const CHAIN_BYTES_MAX: usize = 16 * 1024;
/// A certificate that ends so soon is told.
const SOON_SECONDS: i64 = 14 * 86_400;

const KEY_STORE: &str = "acceptor.key-store-path";
const KEY: &str = "acceptor.key-path";
const TRUST_STORE: &str = "acceptor.trust-store-path";
const REVOKED: &str = "acceptor.crl-path";

/// What an acceptor needs for TLS.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Its certificate, with those that lead to the one that clients trust, and its key.
    pub key: Arc<CertifiedKey>,
    /// Who judges the certificates of clients; none: they are not asked.
    pub clients: Option<Arc<dyn ClientCertVerifier>>,
    /// The versions of TLS that are spoken.
    pub protocols: Protocols,
}

impl Tls {
    /// Reads what the settings name. `None`: the acceptor speaks no TLS, or something is wrong.
    pub(crate) fn read(config: &Config, report: &mut Report) -> Option<Self> {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut reader = Reader { config, report, now: i64::try_from(seconds).unwrap_or(i64::MAX) };
        if !*config.acceptor_ssl_enabled {
            reader.nothing_is_set_in_vain();
            return None;
        }
        let key = reader.key();
        let clients = reader.clients();
        Some(Self { key: key?, clients: clients?, protocols: *config.acceptor_enabled_protocols })
    }
}

/// What reading the files again has brought.
#[derive(Debug)]
pub struct ReadAgain {
    /// What the acceptor needs; none: it speaks no TLS, or there are errors.
    pub tls: Option<Tls>,
    /// Errors and warnings.
    pub report: Report,
}

impl Config {
    /// Reads the files again that the settings name.
    #[must_use]
    pub fn read_tls(&self) -> ReadAgain {
        let mut report = Report::default();
        let tls = if self.tls.is_some() { Tls::read(self, &mut report) } else { None };
        ReadAgain { tls, report }
    }

    /// Where a PEM file is: a relative path starts at the data directory. `None`: none is named.
    fn pem_path(&self, path: &Path) -> Option<PathBuf> {
        (path != Path::new("")).then(|| self.data_directory.value.join(path))
    }
}

struct Reader<'a> {
    config: &'a Config,
    report: &'a mut Report,
    /// Seconds since 1970.
    now: i64,
}

impl Reader<'_> {
    fn wrong(&mut self, setting: &str, code: Code, message: String, note: String, help: &str) {
        let error = at(self.config, setting, code, message).note(note);
        self.report.push(if help.is_empty() { error } else { error.help(help) });
    }

    fn warn(&mut self, setting: &str, code: Code, message: String, note: &str) {
        let warning = at(self.config, setting, code, message).note(note);
        self.report.push(Diagnostic { severity: Severity::Warning, ..warning });
    }

    /// Whoever names certificates wants TLS, as a rule.
    fn nothing_is_set_in_vain(&mut self) {
        let config = self.config;
        for (setting, is_set) in [
            (KEY_STORE, *config.acceptor_key_store_path != Path::new("")),
            (TRUST_STORE, *config.acceptor_trust_store_path != Path::new("")),
            ("acceptor.need-client-auth", *config.acceptor_need_client_auth),
            ("acceptor.want-client-auth", *config.acceptor_want_client_auth),
        ] {
            if is_set {
                let message = format!("`{setting}` has no effect: the acceptor speaks no TLS");
                self.warn(setting, Code::CONFLICT, message, "`ssl-enabled` is false");
            }
        }
    }

    fn key(&mut self) -> Option<Arc<CertifiedKey>> {
        let config = self.config;
        let Some(path) = config.pem_path(&config.acceptor_key_store_path) else {
            let message = "`acceptor.ssl-enabled` needs a certificate and its key".to_owned();
            let help = "set `key-store-path` to a PEM file with both, or to one with the certificate and `key-path` to one with the key";
            self.wrong("acceptor.ssl-enabled", Code::CONFLICT, message, "`key-store-path` is not set".to_owned(), help);
            return None;
        };
        let file = self.file(KEY_STORE, &path)?;
        let chain = pem::certificates(&file);
        let chain = chain.map_err(|problem| self.tell(KEY_STORE, &path, problem)).ok()?;
        let (setting, key_path, key_file) = match config.pem_path(&config.acceptor_key_path) {
            Some(key_path) => {
                let file = self.file(KEY, &key_path)?;
                (KEY, key_path, file)
            }
            None => (KEY_STORE, path.clone(), file),
        };
        let key = pem::key(&key_file).map_err(|problem| self.tell(setting, &key_path, problem)).ok()?;
        if !self.is_valid(&path, &chain) {
            return None;
        }
        match CertifiedKey::from_der(chain, key, &default_provider()) {
            Ok(key) => Some(Arc::new(key)),
            Err(rustls::Error::InconsistentKeys(_)) => {
                let message = format!(
                    "the key in {} is not the one of the certificate in {}",
                    key_path.display(),
                    path.display()
                );
                let help =
                    "the first certificate of the file must be the broker's own, those that have signed it follow";
                self.wrong(setting, Code::CERTIFICATE, message, "they do not belong together".to_owned(), help);
                None
            }
            Err(error) => {
                let message = format!("the certificate and key in {} cannot be used", path.display());
                let help = "use an ECDSA key on P-256 or P-384, an Ed25519 key, or an RSA key of 2048 to 8192 bits";
                self.wrong(setting, Code::CERTIFICATE, message, error.to_string(), help);
                None
            }
        }
    }

    /// Is the broker's own certificate one that clients can accept?
    fn is_valid(&mut self, path: &Path, chain: &[CertificateDer<'static>]) -> bool {
        let shown = path.display();
        let bytes: usize = chain.iter().map(|certificate| certificate.len()).sum();
        if bytes > CHAIN_BYTES_MAX {
            let message = format!("the certificates in {shown} have {bytes} bytes");
            let help = "leave out the root and whatever does not lead to it: clients have the root";
            self.wrong(KEY_STORE, Code::TOO_LARGE, message, format!("at most {CHAIN_BYTES_MAX}"), help);
            return false;
        }
        let read = chain.first().and_then(|first| Certificate::read(first));
        let Some(Certificate { subject, not_before, not_after }) = read else {
            let message = format!("the first certificate in {shown} makes no sense");
            self.wrong(KEY_STORE, Code::CERTIFICATE, message, "not an X.509 certificate".to_owned(), "");
            return false;
        };
        if not_after < self.now {
            let message = format!("the certificate of {subject} in {shown} has expired");
            let days = (self.now - not_after) / 86_400;
            let help = "get a new one for the same key, or a new key and certificate";
            self.wrong(KEY_STORE, Code::CERTIFICATE, message, format!("{days} days ago"), help);
            return false;
        }
        if not_before > self.now {
            let message = format!("the certificate of {subject} in {shown} is not valid yet");
            self.wrong(
                KEY_STORE,
                Code::CERTIFICATE,
                message,
                "it begins later".to_owned(),
                "is the clock of this host right?",
            );
            return false;
        }
        if not_after < self.now + SOON_SECONDS {
            let days = (not_after - self.now) / 86_400;
            let message = format!("the certificate of {subject} in {shown} expires in {days} days");
            self.warn(KEY_STORE, Code::CERTIFICATE, message, "a running broker reads it again on SIGHUP");
        }
        true
    }

    /// Who judges the certificates of clients. The outer `None`: something is wrong.
    fn clients(&mut self) -> Option<Option<Arc<dyn ClientCertVerifier>>> {
        let config = self.config;
        let (needed, wanted) = (*config.acceptor_need_client_auth, *config.acceptor_want_client_auth);
        let path = config.pem_path(&config.acceptor_trust_store_path);
        let revoked = config.pem_path(&config.acceptor_crl_path);
        if !needed && !wanted {
            for (setting, _) in
                [(TRUST_STORE, &path), (REVOKED, &revoked)].into_iter().filter(|(_, path)| path.is_some())
            {
                let message = format!("`{setting}` has no effect: clients are not asked for certificates");
                self.warn(
                    setting,
                    Code::CONFLICT,
                    message,
                    "neither `need-client-auth` nor `want-client-auth` is true",
                );
            }
            return Some(None);
        }
        let Some(path) = path else {
            let setting = if needed { "acceptor.need-client-auth" } else { "acceptor.want-client-auth" };
            let message = format!("`{setting}` needs the certificates of those who sign for clients");
            let help = "set `trust-store-path` to a PEM file with their certificates";
            self.wrong(setting, Code::CONFLICT, message, "`trust-store-path` is not set".to_owned(), help);
            return None;
        };
        let trusted = self.trusted(&path)?;
        let mut verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), Arc::new(default_provider()));
        if let Some(path) = &revoked {
            let file = self.file(REVOKED, path)?;
            let lists = pem::revoked(&file).map_err(|problem| self.tell(REVOKED, path, problem)).ok()?;
            verifier = verifier.with_crls(lists);
        }
        let verifier = if needed { verifier } else { verifier.allow_unauthenticated() };
        match (verifier.build(), revoked) {
            (Ok(verifier), _) => Some(Some(verifier)),
            (Err(error), revoked) => {
                let setting = if revoked.is_some() { REVOKED } else { TRUST_STORE };
                let path = revoked.unwrap_or(path);
                let message = format!("what is in {} cannot be used", path.display());
                self.wrong(setting, Code::CERTIFICATE, message, error.to_string(), "");
                None
            }
        }
    }

    /// Those who sign for clients.
    fn trusted(&mut self, path: &Path) -> Option<RootCertStore> {
        let file = self.file(TRUST_STORE, path)?;
        let found = pem::certificates(&file).map_err(|problem| self.tell(TRUST_STORE, path, problem)).ok()?;
        let mut trusted = RootCertStore::empty();
        for (place, certificate) in found.into_iter().enumerate() {
            if let Err(error) = trusted.add(certificate) {
                let message = format!("certificate {} in {} cannot be trusted", place + 1, path.display());
                self.wrong(TRUST_STORE, Code::CERTIFICATE, message, error.to_string(), "");
                return None;
            }
        }
        Some(trusted)
    }

    fn file(&mut self, setting: &str, path: &Path) -> Option<Vec<u8>> {
        pem::read(path).map_err(|problem| self.tell(setting, path, problem)).ok()
    }

    /// Tells what is wrong with a file.
    fn tell(&mut self, setting: &str, path: &Path, problem: Problem) {
        let message = format!("`{setting}` names {}, which {}", path.display(), problem.what);
        self.wrong(setting, problem.code, message, problem.note, problem.help);
    }
}
