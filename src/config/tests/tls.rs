//! Certificates and keys: what is read from PEM files, what is said when they are wrong, and where.
#![allow(clippy::unwrap_used, reason = "a test may stop where it stands")]

use std::path::PathBuf;

use config::{Certificate, Config, FileText, Override, Sources, load};

// The file serves tests of whole processes as well.
#[allow(dead_code)]
#[path = "../../../tests/process/certificates.rs"]
mod certificates;

use certificates::{Authority, Signed, When};

/// A folder for one test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringmq-config-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.0.join(name), text).unwrap();
    }

    /// A configuration file with this acceptor.
    fn load(&self, acceptor: &str) -> Result<Config, String> {
        let file = FileText::new("ringmq.toml", format!("[acceptor]\n{acceptor}\n"));
        let data = Override {
            path: "data-directory".to_owned(),
            value: self.0.display().to_string(),
            option: "--data-directory".to_owned(),
        };
        let sources = Sources { file: Some(file), environment: Vec::new(), command_line: vec![data] };
        load(&sources).map_err(|report| report.to_string())
    }
}

fn broker(authority: &Authority, when: When) -> Signed {
    authority.sign(&["localhost"], "broker", when).unwrap()
}

#[test]
fn what_is_right_is_read() {
    let folder = Folder::new("right");
    let authority = Authority::new("authority").unwrap();
    let signed = broker(&authority, When::Now);
    folder.write("both.pem", signed.both());
    folder.write("certificate.pem", format!("{}{}", signed.certificate, authority.pem));
    folder.write("key.pem", &signed.key);
    folder.write("ca.pem", &authority.pem);
    let off = folder.load("").unwrap();
    assert!(off.tls.is_none() && off.warnings.is_empty());
    let tls = folder.load("ssl-enabled = true\nkey-store-path = \"both.pem\"").unwrap().tls.unwrap();
    assert!(tls.clients.is_none());
    assert_eq!(tls.key.cert.len(), 1);
    let read = Certificate::read(&tls.key.cert[0]).unwrap();
    assert_eq!(read.subject, "CN=broker,O=Example");
    assert_eq!((read.not_before, read.not_after), (978_307_200, 32_472_144_000));
    let apart = "ssl-enabled = true\nkeyStorePath = \"certificate.pem\"\nkey-path = \"key.pem\"\n";
    let tls = folder.load(&format!("{apart}need-client-auth = true\ntrust-store-path = \"ca.pem\"")).unwrap();
    assert!(tls.warnings.is_empty());
    let tls = tls.tls.unwrap();
    assert_eq!(tls.key.cert.len(), 2, "the chain too");
    let judge = tls.clients.clone().unwrap();
    assert!(judge.client_auth_mandatory() && judge.root_hint_subjects().len() == 1);
    folder.write("crl.pem", authority.revoke(&[&signed]).unwrap());
    let wanted = format!("{apart}want-client-auth = true\ntrust-store-path = \"ca.pem\"\ncrl-path = \"crl.pem\"");
    assert!(!folder.load(&wanted).unwrap().tls.unwrap().clients.unwrap().client_auth_mandatory());
    let key = signed.key.lines().nth(1).unwrap();
    assert!(!format!("{tls:?}").contains(key), "no key is shown");
}

#[test]
fn what_is_wrong_is_told_at_its_place() {
    let folder = Folder::new("wrong");
    let authority = Authority::new("authority").unwrap();
    let signed = broker(&authority, When::Now);
    folder.write("both.pem", signed.both());
    folder.write("ca.pem", &authority.pem);
    folder.write("empty.pem", " \n");
    folder.write("certificate.pem", &signed.certificate);
    folder.write("key.pem", &signed.key);
    folder.write("other.pem", &broker(&authority, When::Now).key);
    folder.write("expired.pem", broker(&authority, When::Past).both());
    folder.write("early.pem", broker(&authority, When::Future).both());
    folder.write("store.p12", [0x30, 0x82, 0xff, 0xff]);
    folder.write("cut.pem", &signed.certificate[..100]);
    folder.write("sealed.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    folder.write("nonsense.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    folder.write("long.pem", signed.certificate.repeat(100) + &signed.key);
    folder.write("huge.pem", vec![b'x'; 2 << 20]);
    let store = |name: &str| format!("ssl-enabled = true\nkey-store-path = \"{name}\"");
    let keyed = |name: &str| format!("{}\nkey-path = \"{name}\"", store("certificate.pem"));
    let trusting =
        |name: &str| format!("{}\nneed-client-auth = true\ntrust-store-path = \"{name}\"", store("both.pem"));
    folder.write("list.pem", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n");
    let revoking = |name: &str| format!("{}\ncrl-path = \"{name}\"", trusting("ca.pem"));
    for (acceptor, place, said) in [
        ("ssl-enabled = true".to_owned(), "ringmq.toml:2:15", "`key-store-path` is not set"),
        (store("nowhere.pem"), "ringmq.toml:3:18", "which cannot be read"),
        (store("empty.pem"), "ringmq.toml:3:18", "which is empty"),
        (store("huge.pem"), "ringmq.toml:3:18", "which is too large"),
        (store("key.pem"), "ringmq.toml:3:18", "which holds no certificate"),
        (store("store.p12"), "ringmq.toml:3:18", "openssl pkcs12"),
        (store("cut.pem"), "ringmq.toml:3:18", "which is no PEM file"),
        (store("nonsense.pem"), "ringmq.toml:3:18", "which holds no private key"),
        (store("certificate.pem"), "ringmq.toml:3:18", "which holds no private key"),
        (store("long.pem"), "ringmq.toml:3:18", "leave out the root"),
        (store("expired.pem"), "ringmq.toml:3:18", "of CN=broker,O=Example"),
        (store("expired.pem"), "ringmq.toml:3:18", "expired.pem has expired"),
        (store("early.pem"), "ringmq.toml:3:18", "is not valid yet"),
        (keyed("nowhere.pem"), "ringmq.toml:4:12", "which cannot be read"),
        (keyed("sealed.pem"), "ringmq.toml:4:12", "a key that is encrypted"),
        (keyed("other.pem"), "ringmq.toml:4:12", "they do not belong together"),
        (trusting("nowhere.pem"), "ringmq.toml:5:20", "which cannot be read"),
        (trusting("key.pem"), "ringmq.toml:5:20", "which holds no certificate"),
        (trusting("nonsense.pem"), "ringmq.toml:5:20", "certificate 1 in"),
        (revoking("nowhere.pem"), "ringmq.toml:6:12", "which cannot be read"),
        (revoking("ca.pem"), "ringmq.toml:6:12", "which holds no list of revoked certificates"),
        (revoking("list.pem"), "ringmq.toml:6:12", "what is in"),
        (format!("{}\nwant-client-auth = true", store("both.pem")), "ringmq.toml:4:20", "trust-store-path"),
    ] {
        let report = folder.load(&acceptor).map(|_| ()).unwrap_err();
        assert!(report.contains(place) && report.contains(said), "{acceptor}\n{report}");
        assert!(report.contains("configuration: 1 error"), "{acceptor}\n{report}");
        let key = signed.key.lines().nth(1).unwrap();
        assert!(!report.contains(key), "{report}");
    }
}

#[test]
fn what_has_no_effect_is_told() {
    let folder = Folder::new("vain");
    let authority = Authority::new("authority").unwrap();
    folder.write("both.pem", broker(&authority, When::Now).both());
    folder.write("ca.pem", &authority.pem);
    let warned = |acceptor: &str| {
        let warnings = folder.load(acceptor).unwrap().warnings;
        warnings.iter().map(ToString::to_string).collect::<String>()
    };
    let tls = "ssl-enabled = true\nkey-store-path = \"both.pem\"\n";
    assert!(warned("need-client-auth = true").contains("`acceptor.need-client-auth` has no effect"));
    assert!(warned("key-store-path = \"nowhere.pem\"").contains("the acceptor speaks no TLS"));
    assert!(warned(&format!("{tls}trust-store-path = \"ca.pem\"")).contains("clients are not asked"));
    assert_eq!(warned(&format!("{tls}want-client-auth = true\ntrust-store-path = \"ca.pem\"")), "");
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";
    folder.write("users.toml", format!("[user.a]\npassword = \"{hash}\"\n[user.b]\ncertificate = \"CN=b\"\n"));
    assert!(warned(tls).contains("user b has a certificate"));
}

#[test]
fn sessions_go_on_by_certificates_only_where_clients_show_some() {
    let folder = Folder::new("reattach");
    let authority = Authority::new("authority").unwrap();
    folder.write("both.pem", broker(&authority, When::Now).both());
    folder.write("ca.pem", &authority.pem);
    let with = |acceptor: &str| {
        let reattach =
            Override { path: "session-reattach".to_owned(), value: "tls".to_owned(), option: "--set".to_owned() };
        let data = Override {
            path: "data-directory".to_owned(),
            value: folder.0.display().to_string(),
            option: "--data-directory".to_owned(),
        };
        let file = FileText::new("ringmq.toml", format!("[acceptor]\n{acceptor}\n"));
        load(&Sources { file: Some(file), environment: Vec::new(), command_line: vec![reattach, data] })
    };
    let tls = "ssl-enabled = true\nkey-store-path = \"both.pem\"\n";
    for alone in ["", tls] {
        assert!(with(alone).unwrap_err().to_string().contains("clients show no certificates"));
    }
    assert!(with(&format!("{tls}want-client-auth = true\ntrust-store-path = \"ca.pem\"")).is_ok());
}

#[test]
fn any_bytes_of_a_certificate_are_answered() {
    let signed = broker(&Authority::new("authority").unwrap(), When::Now);
    let folder = Folder::new("bytes");
    folder.write("both.pem", signed.both());
    let tls = folder.load("ssl-enabled = true\nkey-store-path = \"both.pem\"").unwrap().tls.unwrap();
    let der = tls.key.cert[0].to_vec();
    let mut read = 0;
    for place in 0..der.len() {
        assert!(Certificate::read(&der[..place]).is_none(), "a certificate without its end");
        for byte in [0, 1, 0x30, 0x7f, 0x80, 0x81, 0x84, 0xff] {
            let mut changed = der.clone();
            changed[place] = byte;
            if let Some(certificate) = Certificate::read(&changed) {
                read += 1;
                assert!(!certificate.subject.chars().any(char::is_control), "{certificate:?}");
            }
        }
    }
    assert!(read > der.len(), "most of a certificate is none of what is read here");
}
