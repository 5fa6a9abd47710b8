//! Certificates and keys from PEM files.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use crate::diagnostic::Code;
use crate::file::FILE_BYTES_MAX;

/// Certificates of one file: the roots of a whole operating system are fewer.
const CERTIFICATES_MAX: usize = 1_024;

/// What is wrong with a file.
pub(super) struct Problem {
    pub(super) code: Code,
    /// The end of a sentence: "which ...".
    pub(super) what: &'static str,
    pub(super) note: String,
    pub(super) help: &'static str,
}

fn problem(what: &'static str, note: impl Into<String>, help: &'static str) -> Problem {
    Problem { code: Code::CERTIFICATE, what, note: note.into(), help }
}

/// The bytes of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let unreadable = |error: std::io::Error| Problem {
        code: Code::UNREADABLE,
        what: "cannot be read",
        note: error.to_string(),
        help: "a relative path starts at `data-directory`; the user that the broker runs as must be able to read it",
    };
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(unreadable)?.take(FILE_BYTES_MAX + 1);
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let note = format!("more than {} KiB", FILE_BYTES_MAX >> 10);
        return Err(Problem { code: Code::TOO_LARGE, what: "is too large", note, help: "is it the right file?" });
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(problem("is empty", "expected -----BEGIN CERTIFICATE-----", ""));
    }
    Ok(bytes)
}

/// The certificates in a file, at least one.
pub(super) fn certificates(file: &[u8]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(file) {
        if found.len() == CERTIFICATES_MAX {
            return Err(problem("holds too many certificates", format!("at most {CERTIFICATES_MAX}"), ""));
        }
        found.push(certificate.map_err(|error| unreadable(&error))?);
    }
    if found.is_empty() {
        let help = if file.is_ascii() {
            ""
        } else {
            "a PKCS#12 file becomes one with `openssl pkcs12 -in FILE -out server.pem -nodes`, a JKS file a PKCS#12 file with \
             `keytool -importkeystore`"
        };
        return Err(problem("holds no certificate", "expected -----BEGIN CERTIFICATE-----", help));
    }
    Ok(found)
}

/// The lists of revoked certificates in a file, at least one.
pub(super) fn revoked(file: &[u8]) -> Result<Vec<CertificateRevocationListDer<'static>>, Problem> {
    let mut found = Vec::new();
    for list in CertificateRevocationListDer::pem_slice_iter(file) {
        if found.len() == CERTIFICATES_MAX {
            return Err(problem("holds too many lists", format!("at most {CERTIFICATES_MAX}"), ""));
        }
        found.push(list.map_err(|error| unreadable(&error))?);
    }
    if found.is_empty() {
        return Err(problem("holds no list of revoked certificates", "expected -----BEGIN X509 CRL-----", ""));
    }
    Ok(found)
}

/// The private key in a file.
pub(super) fn key(file: &[u8]) -> Result<PrivateKeyDer<'static>, Problem> {
    match PrivateKeyDer::from_pem_slice(file) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => {
            let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
            if file.windows(encrypted.len()).any(|part| part == encrypted) {
                let help = "keep the key unencrypted in a file that only the broker's user can read: `openssl pkcs8 -in FILE -out key.pem`";
                return Err(problem("holds a key that is encrypted", "there is nobody to ask for its password", help));
            }
            let help = "append the key to the certificate's file, or name its own file with `key-path`";
            Err(problem("holds no private key", "expected -----BEGIN PRIVATE KEY-----", help))
        }
        Err(error) => Err(unreadable(&error)),
    }
}

fn unreadable(error: &pem::Error) -> Problem {
    // What the error shows of the file could be a part of a key.
    let note = match error {
        pem::Error::MissingSectionEnd { .. } => "an -----END ...----- line is missing",
        pem::Error::IllegalSectionStart { .. } => "a line begins like -----BEGIN ...----- and goes on otherwise",
        pem::Error::Base64Decode(_) => "between BEGIN and END stands something else than base64",
        _ => "not PEM",
    };
    problem("is no PEM file", note, "")
}
