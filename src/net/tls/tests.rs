//! The room against a real client of the same library, and against bytes that no client sends.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use config::{FileText, Override, Sources};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::*;

// The file serves tests of whole processes as well.
#[allow(dead_code)]
#[path = "../../../tests/process/certificates.rs"]
mod certificates;

use certificates::{Authority, Signed, When};

/// Who signs, the broker's certificate, and a folder with both.
struct Place {
    authority: Authority,
    folder: std::path::PathBuf,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

impl Place {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ringmq-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let authority = Authority::new("authority").unwrap();
        let server = authority.sign(&["localhost"], "broker", When::Now).unwrap();
        std::fs::write(folder.join("server.pem"), server.both()).unwrap();
        std::fs::write(folder.join("ca.pem"), &authority.pem).unwrap();
        Self { authority, folder }
    }

    fn acceptor(&self, settings: &[(&str, &str)]) -> Acceptor {
        let usual = [("ssl-enabled", "true"), ("key-store-path", "server.pem")];
        let all = usual.iter().chain(settings).map(|(name, value)| (format!("acceptor.{name}"), (*value).to_owned()));
        let directory = ("data-directory".to_owned(), self.folder.display().to_string());
        let command_line = all.chain([directory]);
        let command_line =
            command_line.map(|(path, value)| Override { path, value, option: "--set".to_owned() }).collect();
        let sources = Sources { file: Some(FileText::new("t", "")), environment: Vec::new(), command_line };
        let config = config::load(&sources).unwrap_or_else(|report| panic!("{report}"));
        Acceptor::new(&config.tls.unwrap()).unwrap()
    }

    fn client(&self, shown: Option<&Signed>, version: &'static rustls::SupportedProtocolVersion) -> ClientConnection {
        let mut trusted = RootCertStore::empty();
        trusted.add(CertificateDer::from_pem_slice(self.authority.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let builder = builder.with_root_certificates(trusted);
        let config = match shown {
            None => builder.with_no_client_auth(),
            Some(shown) => {
                let own = CertificateDer::from_pem_slice(shown.certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![own], key).unwrap()
            }
        };
        ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap()
    }
}

const NEED: [(&str, &str); 2] = [("need-client-auth", "true"), ("trust-store-path", "ca.pem")];

/// What a client has to send now.
fn said(client: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

fn hears(client: &mut ClientConnection, mut bytes: &[u8]) -> Result<(), rustls::Error> {
    while !bytes.is_empty() {
        client.read_tls(&mut bytes).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

/// Everything that came, in its order.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    peer: Option<Option<Peer>>,
    bytes: Vec<u8>,
    ended: bool,
}

impl Heard {
    fn of(&mut self, tls: &mut Tls, bytes: &[u8]) -> Result<(), Problem> {
        tls.received(bytes, |came| match came {
            Came::Secured(peer) => {
                assert!(self.peer.is_none() && self.bytes.is_empty(), "first, and once");
                self.peer = Some(peer.cloned());
            }
            Came::Bytes(bytes) => {
                assert!(self.peer.is_some(), "nothing before the handshake is done");
                self.bytes.extend_from_slice(bytes);
            }
            Came::End => self.ended = true,
        })
    }
}

/// Both sides speak, `step` bytes at a time, until neither has more to say.
fn talk(client: &mut ClientConnection, tls: &mut Tls, heard: &mut Heard, step: usize) -> Result<(), Problem> {
    loop {
        let bytes = said(client);
        for piece in bytes.chunks(step) {
            heard.of(tls, piece)?;
        }
        let mut out = Vec::new();
        tls.answer(&mut out);
        if out.is_empty() && bytes.is_empty() {
            return Ok(());
        }
        hears(client, &out).unwrap();
    }
}

#[test]
fn a_handshake_byte_by_byte_is_as_good_as_whole() {
    let place = Place::new("bytes");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for step in [1, 7, 4096, usize::MAX] {
            let (mut client, mut tls) = (place.client(None, version), place.acceptor(&[]).begin().unwrap());
            let mut heard = Heard::default();
            client.writer().write_all(b"hello").unwrap();
            talk(&mut client, &mut tls, &mut heard, step).unwrap();
            assert_eq!(heard, Heard { peer: Some(None), bytes: b"hello".to_vec(), ended: false });
            // The other way, and more than fits one record.
            let long: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
            let mut out = Vec::new();
            tls.send(&long, &mut out);
            let mut got = Vec::new();
            for piece in out.chunks(10_000) {
                hears(&mut client, piece).unwrap();
                let mut part = vec![0; 20_000];
                while let Ok(count @ 1..) = client.reader().read(&mut part) {
                    got.extend_from_slice(&part[..count]);
                }
            }
            assert_eq!(got, long);
            client.send_close_notify();
            talk(&mut client, &mut tls, &mut heard, step).unwrap();
            assert!(heard.ended);
        }
    }
}

#[test]
fn only_a_certificate_of_a_trusted_signer_is_somebody() {
    let place = Place::new("mutual");
    let other = Authority::new("authority").unwrap();
    let good = place.authority.sign(&[], "orders", When::Now).unwrap();
    let expired = place.authority.sign(&[], "orders", When::Past).unwrap();
    let early = place.authority.sign(&[], "orders", When::Future).unwrap();
    let foreign = other.sign(&[], "orders", When::Now).unwrap();
    let want = [("want-client-auth", "true"), ("trust-store-path", "ca.pem")];
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let outcome = |shown: Option<&Signed>, settings: &[(&str, &str)]| {
            let (mut client, mut tls) = (place.client(shown, version), place.acceptor(settings).begin().unwrap());
            let mut heard = Heard::default();
            let talked = talk(&mut client, &mut tls, &mut heard, usize::MAX);
            assert_eq!(tls.peer(), heard.peer.as_ref().and_then(Option::as_ref));
            talked.map(|()| heard.peer.unwrap().map(|peer| peer.subject)).map_err(|problem| problem.to_string())
        };
        let somebody = Ok(Some("CN=orders,O=Example".to_owned()));
        assert_eq!(outcome(Some(&good), &NEED), somebody);
        assert_eq!(outcome(Some(&good), &want), somebody);
        assert_eq!(outcome(None, &want), Ok(None));
        assert_eq!(outcome(Some(&good), &[]), Ok(None), "who is not asked shows nothing");
        for settings in [&NEED, &want] {
            assert!(outcome(Some(&expired), settings).unwrap_err().contains("expired"));
            assert!(outcome(Some(&early), settings).unwrap_err().contains("not valid yet"));
            assert!(outcome(Some(&foreign), settings).is_err());
        }
        assert!(outcome(None, &NEED).unwrap_err().contains("no certificate"));
    }
    // One that was signed and is not to count any more, and one whose signer has no list.
    let (revoked, list) = (place.authority.sign(&[], "orders", When::Now).unwrap(), place.folder.join("crl.pem"));
    std::fs::write(&list, place.authority.revoke(&[&revoked]).unwrap()).unwrap();
    let checked = [NEED[0], NEED[1], ("crl-path", "crl.pem")];
    let outcome = |shown: &Signed| {
        let mut client = place.client(Some(shown), &rustls::version::TLS13);
        let mut tls = place.acceptor(&checked).begin().unwrap();
        talk(&mut client, &mut tls, &mut Heard::default(), usize::MAX).map_err(|problem| problem.to_string())
    };
    assert_eq!(outcome(&good), Ok(()));
    assert!(outcome(&revoked).unwrap_err().contains("Revoked"), "{:?}", outcome(&revoked));
    std::fs::write(&list, other.revoke(&[]).unwrap()).unwrap();
    assert!(outcome(&good).is_err());
    // The digest is that of the certificate: another one of the same name is somebody else.
    let digest = |shown: &Signed| {
        let mut tls = place.acceptor(&NEED).begin().unwrap();
        let mut client = place.client(Some(shown), &rustls::version::TLS13);
        talk(&mut client, &mut tls, &mut Heard::default(), usize::MAX).unwrap();
        tls.peer().unwrap().digest
    };
    let twin = place.authority.sign(&[], "orders", When::Now).unwrap();
    assert_eq!(digest(&good), digest(&good));
    assert_ne!(digest(&good), digest(&twin));
}

#[test]
fn versions_that_are_not_enabled_are_refused() {
    let place = Place::new("versions");
    for (enabled, version, works) in [
        ("TLSv1.2", &rustls::version::TLS12, true),
        ("TLSv1.2", &rustls::version::TLS13, false),
        ("TLSv1.3", &rustls::version::TLS12, false),
        ("TLSv1.3", &rustls::version::TLS13, true),
    ] {
        let mut client = place.client(None, version);
        let mut tls = place.acceptor(&[("enabled-protocols", enabled)]).begin().unwrap();
        let talked = Heard::default().of(&mut tls, &said(&mut client));
        assert_eq!(talked.is_ok(), works, "{enabled} {version:?}: {talked:?}");
    }
}

/// A greeting of TLS 1.1 with the ciphers of its time, and these extensions.
fn old_hello(extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 2];
    body.extend([7; 32]);
    body.push(0);
    body.extend([0, 4, 0x00, 0x2f, 0xc0, 0x13]);
    body.extend([1, 0]);
    body.extend(extensions);
    let mut hello = vec![HANDSHAKE_RECORD, 3, 1, 0, u8::try_from(body.len() + 4).unwrap()];
    hello.extend([1, 0, 0, u8::try_from(body.len()).unwrap()]);
    hello.extend(body);
    hello
}

#[test]
fn what_no_client_sends_ends_the_connection_and_gives_nothing() {
    let place = Place::new("garbage");
    let acceptor = place.acceptor(&[]);
    let outcome = |bytes: &[u8]| {
        let (mut tls, mut heard) = (acceptor.begin().unwrap(), Heard::default());
        let outcome = heard.of(&mut tls, bytes);
        assert_eq!(heard, Heard::default());
        let mut out = Vec::new();
        tls.answer(&mut out);
        (outcome, out)
    };
    assert_eq!(outcome(b"ARTEMIS").0, Err(Problem::Plain));
    assert_eq!(outcome(b"GET / HTTP/1.1\r\n").0, Err(Problem::Plain));
    // Without the kinds of signatures, which TLS 1.2 has brought, and with them: a fatal alert, the second time for the version.
    for (extensions, alert) in [(&[][..], 40), (&[0, 8, 0, 13, 0, 4, 0, 2, 4, 3], 70)] {
        let (old, answer) = outcome(&old_hello(extensions));
        assert!(matches!(old, Err(Problem::Refused(_))), "{old:?}");
        assert_eq!(answer, [0x15, 3, 3, 0, 2, 2, alert]);
    }
    // Half a record is waited for, whatever it promises.
    assert_eq!(outcome(&[HANDSHAKE_RECORD, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff]).0, Ok(()));
    let mut noise = vec![HANDSHAKE_RECORD];
    let mut state = 1_u32;
    for _ in 0..2_000 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.push(state.to_le_bytes()[3]);
    }
    assert!(matches!(outcome(&noise).0, Err(Problem::Refused(_))));
}

#[test]
fn a_record_that_was_changed_ends_the_connection() {
    let place = Place::new("changed");
    let (mut client, mut tls) = (place.client(None, &rustls::version::TLS13), place.acceptor(&[]).begin().unwrap());
    let mut heard = Heard::default();
    talk(&mut client, &mut tls, &mut heard, usize::MAX).unwrap();
    client.writer().write_all(b"sound").unwrap();
    client.writer().write_all(b"changed").unwrap();
    let mut bytes = said(&mut client);
    *bytes.last_mut().unwrap() ^= 1;
    assert!(matches!(heard.of(&mut tls, &bytes), Err(Problem::Refused(_))));
    assert_eq!(heard.bytes, b"", "a chunk that is not sound counts for nothing behind it");
}

#[test]
fn a_handshake_without_an_end_is_cut_off() {
    let place = Place::new("long");
    let mut tls = place.acceptor(&[]).begin().unwrap();
    // One message of 60,000 bytes in records of 4 KiB.
    let mut message = vec![1, 0, 0xea, 0x60];
    message.resize(60_000, 0);
    let mut taken = 0;
    let outcome = message.chunks(4_096).find_map(|piece| {
        let length = u16::try_from(piece.len()).unwrap().to_be_bytes();
        let record = [&[HANDSHAKE_RECORD, 3, 1], &length[..], piece].concat();
        taken += record.len();
        Heard::default().of(&mut tls, &record).err()
    });
    assert_eq!(outcome, Some(Problem::Long));
    assert!(taken < limits::TLS_HANDSHAKE_BYTES_MAX + 5_000, "{taken}");
}

#[test]
fn changes_of_keys_without_end_are_refused_and_answered_once() {
    let place = Place::new("keys");
    let (mut client, mut tls) = (place.client(None, &rustls::version::TLS13), place.acceptor(&[]).begin().unwrap());
    let mut heard = Heard::default();
    talk(&mut client, &mut tls, &mut heard, usize::MAX).unwrap();
    // With something said between them they may go on for ever, and what waits to be answered does not grow.
    let mut out = Vec::new();
    for _ in 0..1_000 {
        client.refresh_traffic_keys().unwrap();
        client.writer().write_all(b"x").unwrap();
        heard.of(&mut tls, &said(&mut client)).unwrap();
        tls.answer(&mut out);
    }
    assert_eq!(heard.bytes.len(), 1_000);
    assert!(out.len() < 200, "{} bytes for a client that reads nothing", out.len());
    tls.send(b"still there", &mut out);
    hears(&mut client, &out).unwrap();
    let mut got = [0; 11];
    client.reader().read_exact(&mut got).unwrap();
    assert_eq!(&got, b"still there");
    // Without, it ends soon.
    let mut rounds = 0;
    let problem = loop {
        client.refresh_traffic_keys().unwrap();
        rounds += 1;
        if let Err(problem) = heard.of(&mut tls, &said(&mut client)) {
            break problem;
        }
        assert!(rounds < 100);
    };
    assert!(matches!(problem, Problem::Refused(rustls::Error::PeerMisbehaved(_))), "{problem:?}");
}
