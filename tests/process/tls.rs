//! TLS from the settings to the clients: whom the broker speaks to, who it believes them to be, and what it says of the others.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use protocol::core::frame::HANDSHAKE;
use protocol::core::identity::{ChannelId, CommandId};
use protocol::core::packet::Packet;
use protocol::core::packet::session::ReattachSession;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::certificates::{Authority, Signed, When};
use crate::client::Client;
use crate::folder::Folder;
use crate::harness::{Outcome, Trial, Verdict};
use crate::process::{Ended, Process, text_of};
use crate::server::{BINARY, Server};
use crate::users;
use crate::wire::{Mode, SESSION, SOON, Wire};

const WITHIN: Duration = Duration::from_secs(60);
/// The exit code of a client that cannot connect.
const CANNOT_CONNECT: i32 = 5;

/// The trials of this file.
pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial { name: "tls_messages_survive", run: messages_pass_and_survive },
        Trial { name: "tls_host", run: the_host_must_be_the_certificates },
        Trial { name: "tls_mutual", run: only_trusted_clients_come },
        Trial { name: "tls_user", run: a_certificate_is_a_user },
        Trial { name: "tls_what_is_none", run: what_is_no_tls_is_told },
        Trial { name: "tls_renewal", run: certificates_are_read_again },
        Trial { name: "tls_reattach", run: a_session_goes_on_for_its_certificate },
        Trial { name: "tls_half_open", run: half_open_connections_cost_little },
        Trial { name: "tls_configuration", run: a_wrong_certificate_is_told_at_its_place },
    ]
}

/// A folder with the data of a broker and everybody's certificates.
struct Place {
    folder: Folder,
    authority: Authority,
}

impl Place {
    fn new(name: &str) -> Result<Self, String> {
        let place = Self { folder: Folder::new(name)?, authority: Authority::new("authority")? };
        let broker = place.authority.sign(&["localhost", "127.0.0.1"], "broker", When::Now)?;
        place.write("server.pem", &broker.both())?;
        place.write("ca.pem", &place.authority.pem)?;
        Ok(place)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        std::fs::write(self.folder.path().join(name), text).map_err(|error| format!("{name}: {error}"))
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// A broker that speaks TLS.
    fn server(&self, options: &[&str]) -> Result<Server, String> {
        let key = format!("acceptor.key-store-path={}", self.path("server.pem"));
        let usual = ["--set", "acceptor.ssl-enabled=true", "--set", &key];
        Server::small(&self.data(), &[&usual, options].concat())
    }

    /// The same, for clients with certificates.
    fn mutual(&self, options: &[&str]) -> Result<Server, String> {
        let trust = format!("acceptor.trust-store-path={}", self.path("ca.pem"));
        let usual = ["--set", "acceptor.need-client-auth=true", "--set", &trust];
        self.server(&[&usual, options].concat())
    }

    /// What a client byte by byte needs that trusts the authority, and shows this.
    fn wire(&self, shown: Option<&Signed>) -> Result<Arc<ClientConfig>, String> {
        let read = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| error.to_string());
        let mut trusted = RootCertStore::empty();
        trusted.add(read(&self.authority.pem)?).map_err(|error| error.to_string())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| error.to_string())?.with_root_certificates(trusted);
        let Some(shown) = shown else { return Ok(Arc::new(builder.with_no_client_auth())) };
        let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).map_err(|error| error.to_string())?;
        let config = builder.with_client_auth_cert(vec![read(&shown.certificate)?], key);
        config.map(Arc::new).map_err(|error| error.to_string())
    }

    /// The URL of a broker for a client that trusts this file.
    fn url(&self, server: &Server, trusted: &str, more: &str) -> String {
        format!("{}?sslEnabled=true&trustStorePath={}{more}", server.url(), self.path(trusted))
    }

    /// The part of a URL for somebody who shows this.
    fn shown(&self, name: &str, signed: &Signed) -> Result<String, String> {
        self.write(name, &signed.both())?;
        Ok(format!("&keyStorePath={}", self.path(name)))
    }
}

/// One message to or from a queue.
fn message(verb: &str, url: &str, queue: &str, login: Option<(&str, &str)>) -> Result<Ended, String> {
    let mut command = Command::new(BINARY);
    command.args([verb, "--url", url, "--destination", queue, "--message-count", "1"]).env_remove("RINGMQ_PASSWORD");
    if verb == "consumer" {
        command.args(["--receive-timeout", "30000"]);
    }
    if let Some((user, password)) = login {
        command.args(["--user", user]).env("RINGMQ_PASSWORD", password);
    }
    Process::start(&mut command)?.end(WITHIN)
}

/// How a client must end, and what it must say.
fn ended(what: &str, ended: &Ended, code: i32, said: &[&str]) -> Result<(), String> {
    let text = text_of(&ended.lines);
    let missing: Vec<&&str> = said.iter().filter(|part| !text.contains(**part)).collect();
    if ended.status.code() == Some(code) && missing.is_empty() {
        return Ok(());
    }
    Err(format!("{what} ended with {}, not {code}, or without {missing:?}\n{text}", ended.status))
}

fn messages_pass_and_survive() -> Verdict {
    let place = Place::new("tls-survive")?;
    place.write("other.pem", &Authority::new("authority")?.pem)?;
    let server = place.server(&["--set", "data-cores=2"])?.expect_complaint("NT210").expect_complaint("NT211");
    let url = place.url(&server, "ca.pem", "");
    ended("a producer", &message("producer", &url, "kept", None)?, 0, &[])?;
    // The control: whoever trusts somebody else does not speak to it, and no check is left out unless it is asked for.
    let distrusted = place.url(&server, "other.pem", "");
    ended("a distrustful client", &message("producer", &distrusted, "kept", None)?, CANNOT_CONNECT, &["certificate"])?;
    let any = format!("{distrusted}&trustAll=true");
    ended("a trustful client", &message("producer", &any, "other", None)?, 0, &[])?;
    let plain = server.url();
    ended("a client without TLS", &message("producer", &plain, "kept", None)?, CANNOT_CONNECT, &[])?;
    server.heard("NT211", SOON)?;
    server.kill()?;
    let server = place.server(&["--set", "acceptor.enabled-protocols=TLSv1.2"])?;
    let url = place.url(&server, "ca.pem", "");
    ended("a consumer", &message("consumer", &url, "kept", None)?, 0, &["1 message"])?;
    server.terminate()?;
    Ok(Outcome::Passed)
}

fn the_host_must_be_the_certificates() -> Verdict {
    let place = Place::new("tls-host")?;
    place.write("server.pem", &place.authority.sign(&["elsewhere.example"], "broker", When::Now)?.both())?;
    let server = place.server(&[])?.expect_complaint("NT210");
    let url = place.url(&server, "ca.pem", "");
    ended("a client", &message("producer", &url, "q", None)?, CANNOT_CONNECT, &["elsewhere.example"])?;
    let lenient = format!("{url}&verifyHost=false");
    ended("a lenient client", &message("producer", &lenient, "q", None)?, 0, &[])?;
    place.write("other.pem", &Authority::new("authority")?.pem)?;
    let distrusted = place.url(&server, "other.pem", "&verifyHost=false");
    ended("a client of others", &message("producer", &distrusted, "q", None)?, CANNOT_CONNECT, &["certificate"])?;
    server.terminate()?;
    Ok(Outcome::Passed)
}

fn only_trusted_clients_come() -> Verdict {
    let place = Place::new("tls-mutual")?;
    let good = place.authority.sign(&[], "orders", When::Now)?;
    let expired = place.authority.sign(&[], "orders", When::Past)?;
    let foreign = Authority::new("authority")?.sign(&[], "orders", When::Now)?;
    let server = place.mutual(&[])?.expect_complaint("NT210");
    for (what, shown, code) in [
        ("a client with a certificate", place.shown("good.pem", &good)?, 0),
        ("a client without one", String::new(), CANNOT_CONNECT),
        ("a client with an old one", place.shown("expired.pem", &expired)?, CANNOT_CONNECT),
        ("a client with another's", place.shown("foreign.pem", &foreign)?, CANNOT_CONNECT),
    ] {
        ended(what, &message("producer", &place.url(&server, "ca.pem", &shown), "q", None)?, code, &[])?;
    }
    for said in ["peer sent no certificates", "expired"] {
        server.heard(said, SOON)?;
    }
    server.terminate()?;
    // One that counts no more from a moment on.
    place.write("crl.pem", &place.authority.revoke(&[])?)?;
    let list = format!("acceptor.crl-path={}", place.path("crl.pem"));
    let server = place.mutual(&["--set", &list])?.expect_complaint("NT210");
    let url = place.url(&server, "ca.pem", &place.shown("good.pem", &good)?);
    ended("a client before", &message("producer", &url, "q", None)?, 0, &[])?;
    place.write("crl.pem", &place.authority.revoke(&[&good])?)?;
    server.signal(Signal::SIGHUP)?;
    server.heard("SV107", SOON)?;
    until("a client whose certificate was revoked", &url, CANNOT_CONNECT)?;
    server.terminate()?;
    Ok(Outcome::Passed)
}

fn a_certificate_is_a_user() -> Verdict {
    let place = Place::new("tls-user")?;
    let data = place.data();
    users::add(&data, "ann", "anns password")?;
    let file = data.join("users.toml");
    let text = std::fs::read_to_string(&file).map_err(|error| error.to_string())?;
    let more = "\n[user.shop]\ncertificate = \"CN=orders, O=Example\"\nroles = [\"shops\"]\n\n[permission.\"shared.#\"]\n\
                send = [\"shops\", \"amq\"]\ncreateAddress = [\"shops\"]\ncreateDurableQueue = [\"shops\"]\n";
    std::fs::write(&file, text + more).map_err(|error| error.to_string())?;
    let list = |words: &[&str]| {
        let mut command = Command::new(BINARY);
        Process::start(command.args(["user", "list"]).args(words).arg("--data-directory").arg(&data))?.end(WITHIN)
    };
    ended("user list", &list(&[])?, 0, &["shop  shops  (CN=orders,O=Example)"])?;
    ended("user list", &list(&["--json"])?, 0, &["\"certificate\": \"CN=orders,O=Example\"", "\"password\": false"])?;
    let orders = place.shown("orders.pem", &place.authority.sign(&[], "orders", When::Now)?)?;
    let other = place.shown("other.pem", &place.authority.sign(&[], "other", When::Now)?)?;
    let server = place.mutual(&["--set", "data-cores=2"])?.expect_complaint("NT209").expect_complaint("NT205");
    let orders = place.url(&server, "ca.pem", &orders);
    let other = place.url(&server, "ca.pem", &other);
    let login = Some(("ann", "anns password"));
    ended("shop", &message("producer", &orders, "shared.q", None)?, 0, &[])?;
    let refused = "AMQ229032: User: shop does not have permission='CREATE_ADDRESS'";
    ended("shop elsewhere", &message("producer", &orders, "private", None)?, 4, &[refused])?;
    ended("ann", &message("producer", &orders, "private", login)?, 0, &[])?;
    let unknown = "Username: null; SSL certificate subject DN: CN=other,O=Example";
    ended("nobody", &message("producer", &other, "shared.q", None)?, 4, &["AMQ229031", unknown])?;
    ended("ann of another", &message("producer", &other, "private", login)?, 0, &[])?;
    // A name does not become somebody by a certificate, with a password or without.
    for (user, password) in [("shop", ""), ("shop", "x"), ("ann", "x")] {
        let ended_with = message("producer", &orders, "shared.q", Some((user, password)))?;
        ended("a wrong password", &ended_with, 4, &["AMQ229031"])?;
    }
    server.terminate()?;
    Ok(Outcome::Passed)
}

/// Tries until a client ends so. Each core has what was read again at its next turn.
fn until(what: &str, url: &str, code: i32) -> Result<(), String> {
    let started = Instant::now();
    loop {
        let ended_with = message("producer", url, "q", None)?;
        if ended_with.status.code() == Some(code) || started.elapsed() > SOON {
            return ended(what, &ended_with, code, &[]);
        }
    }
}

fn certificates_are_read_again() -> Verdict {
    let place = Place::new("tls-renewal")?;
    let server = place.server(&["--set", "data-cores=2"])?.expect_complaint("NT210").expect_complaint("SV205");
    let other = Authority::new("other")?;
    place.write("other.pem", &other.pem)?;
    let (before, after) = (place.url(&server, "ca.pem", ""), place.url(&server, "other.pem", ""));
    let mut old = Client::over(Wire::within_tls(server.port, &place.wire(None)?)?);
    old.wire.open_session(SESSION, Mode::Automatic)?;
    place.write("server.pem", "nothing")?;
    server.signal(Signal::SIGHUP)?;
    server.heard("SV205", SOON)?;
    ended("a client after a bad file", &message("producer", &before, "q", None)?, 0, &[])?;
    place.write("server.pem", &other.sign(&["127.0.0.1"], "broker", When::Now)?.both())?;
    server.signal(Signal::SIGHUP)?;
    server.heard("SV107", SOON)?;
    until("a client of the new file", &after, 0)?;
    until("a client of the old one", &before, CANNOT_CONNECT)?;
    // Who was there before stays.
    old.send("q", "from before")?;
    server.terminate()?;
    Ok(Outcome::Passed)
}

/// How often a client comes back: so often that it comes to the other core too.
const COMEBACKS: i32 = 24;
const NAME: &str = "a session that lasts";

/// Asks for a session on a new connection of this client.
fn comes_back(port: u16, config: &Arc<ClientConfig>, last_received: i32) -> Result<(Wire, bool), String> {
    let mut wire = Wire::within_tls(port, config)?;
    let reattach = ReattachSession { name: NAME.into(), last_confirmed: CommandId(last_received) };
    wire.tell(ChannelId::SESSION, &Packet::ReattachSession(reattach))?;
    let went_on = wire.wait("an answer to REATTACH_SESSION", |_, packet| match packet {
        Packet::ReattachSessionResponse(response) => Some(response.reattached),
        _ => None,
    })?;
    Ok((wire, went_on))
}

fn a_session_goes_on_for_its_certificate() -> Verdict {
    let place = Place::new("tls-reattach")?;
    let sign = |name| place.authority.sign(&[], name, When::Now).and_then(|signed| place.wire(Some(&signed)));
    let (owner, thief) = (sign("orders")?, sign("orders")?);
    let server = place.mutual(&["--set", "data-cores=2", "--set", "session-reattach=tls"])?;
    let mut wire = Wire::within_tls(server.port, &owner)?;
    wire.open_named(SESSION, Mode::Automatic, NAME, 1 << 20)?;
    let mut client = Client::over(wire);
    for number in 0..COMEBACKS {
        client.send("kept", &number.to_string())?;
        // Another certificate of the same name, from the same host.
        if comes_back(server.port, &thief, number)?.1 {
            return Err(format!("comeback {number}: the session went to another certificate"));
        }
        let (wire, went_on) = comes_back(server.port, &owner, number)?;
        if !went_on {
            return Err(format!("comeback {number}: the session did not go on"));
        }
        client.wire = wire;
    }
    client.consume("kept")?;
    let texts = client.drain(usize::try_from(COMEBACKS).unwrap_or(0))?;
    server.terminate()?;
    if texts == (0..COMEBACKS).map(|number| number.to_string()).collect::<Vec<_>>() {
        Ok(Outcome::Passed)
    } else {
        Err(format!("{texts:?}"))
    }
}

/// Everything that the broker sends until it closes the connection.
fn until_closed(mut stream: TcpStream) -> Result<Vec<u8>, String> {
    stream.set_read_timeout(Some(SOON)).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(bytes),
        Err(error) => Err(format!("the connection was not closed: {error}")),
    }
}

fn said_by(port: u16, bytes: &[u8]) -> Result<TcpStream, String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    stream.write_all(bytes).map_err(|error| error.to_string())?;
    Ok(stream)
}

/// A greeting of TLS 1.1 with the ciphers of its time.
fn old_hello() -> Vec<u8> {
    let head: [&[u8]; 5] =
        [&[0x16, 3, 1, 0, 47], &[1, 0, 0, 43, 3, 2], &[7; 32], &[0, 0, 4, 0, 0x2f, 0xc0, 0x13], &[1, 0]];
    head.concat()
}

fn what_is_no_tls_is_told() -> Verdict {
    let place = Place::new("tls-not")?;
    let options = ["--set", "acceptor.handshake-timeout=1s", "--set", "connection-ttl-check-interval=100ms"];
    let server = place.server(&options)?.expect_complaint("NT210").expect_complaint("NT211").expect_complaint("NT201");
    let old = old_hello();
    for (what, bytes, code) in [
        ("CORE", &b"ARTEMIS"[..], "NT211"),
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n", "NT211"),
        ("TLS 1.1", &old, "NT210"),
        ("half a record", old.get(..20).unwrap_or_default(), "NT201"),
        ("nothing", b"", "NT201"),
    ] {
        let answer = until_closed(said_by(server.port, bytes)?).map_err(|error| format!("{what}: {error}"))?;
        server.heard(code, SOON).map_err(|error| format!("{what}: {error}"))?;
        // An alert is all that may be answered.
        if answer.first().is_some_and(|first| *first != 0x15) {
            return Err(format!("{what} was answered with {answer:?}"));
        }
    }
    let url = place.url(&server, "ca.pem", "");
    ended("a client beside them", &message("producer", &url, "q", None)?, 0, &[])?;
    server.terminate()?;
    let server = Server::small(&place.data(), &[])?.expect_complaint("NT212");
    ended(
        "TLS on a plain port",
        &message("producer", &place.url(&server, "ca.pem", ""), "q", None)?,
        CANNOT_CONNECT,
        &[],
    )?;
    server.heard("NT212", SOON)?;
    server.terminate()?;
    Ok(Outcome::Passed)
}

/// Half-open connections of each kind.
const HALF_OPEN: usize = 100;
/// What one may cost, and what the memory of the process may grow by for other reasons.
const HALF_OPEN_BYTES: u64 = 64 << 10;
const NOISE_BYTES: u64 = 4 << 20;

/// A client that has begun a greeting which does not end, as long as one may be.
fn endless_greeting(port: u16) -> Result<TcpStream, String> {
    let mut message = vec![1, 0, 0xea, 0x60];
    message.resize(15_000, 0);
    let records = message.chunks(5_000).flat_map(|piece| {
        let length = u16::try_from(piece.len()).unwrap_or(0).to_be_bytes();
        [&[0x16, 3, 1], &length[..], piece].concat()
    });
    said_by(port, &records.collect::<Vec<u8>>())
}

/// A client within TLS that has sent all of a frame but its last byte, and half a record.
fn unfinished_frame(port: u16, config: &Arc<ClientConfig>) -> Result<TcpStream, String> {
    let name = ServerName::try_from("localhost").map_err(|error| error.to_string())?;
    let mut tls = ClientConnection::new(Arc::clone(config), name).map_err(|error| error.to_string())?;
    let mut stream = said_by(port, b"")?;
    let length: u32 = 15_000;
    let mut frame = [&HANDSHAKE[..], &length.to_be_bytes()].concat();
    frame.resize(frame.len() + 14_999, 30);
    tls.writer().write_all(&frame).map_err(|error| error.to_string())?;
    while tls.is_handshaking() || tls.wants_write() {
        tls.complete_io(&mut stream).map_err(|error| format!("a handshake: {error}"))?;
    }
    stream.write_all(&[&[0x17, 3, 3, 0x40, 0], &[7; 16_000][..]].concat()).map_err(|error| error.to_string())?;
    Ok(stream)
}

fn half_open_connections_cost_little() -> Verdict {
    let place = Place::new("tls-half-open")?;
    let server = place.server(&["--set", "data-cores=1"])?.expect_complaint("NT210");
    let config = place.wire(None)?;
    let url = place.url(&server, "ca.pem", "");
    for _ in 0..2 {
        ended("a client", &message("producer", &url, "q", None)?, 0, &[])?;
    }
    let before = server.resident_bytes()?;
    let mut attackers = Vec::new();
    for _ in 0..HALF_OPEN {
        attackers.push(endless_greeting(server.port)?);
        attackers.push(unfinished_frame(server.port, &config)?);
    }
    // Behind them on the same core: all that they sent has been taken by then.
    for _ in 0..2 {
        ended("a client", &message("consumer", &url, "q", None)?, 0, &[])?;
    }
    let after = server.resident_bytes()?;
    // The control: none of them was closed for what it sent.
    for attacker in &mut attackers {
        attacker.set_nonblocking(true).map_err(|error| error.to_string())?;
        match attacker.read(&mut [0; 1]) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            other => return Err(format!("a half-open connection ended or was answered: {other:?}")),
        }
    }
    server.terminate()?;
    let most = NOISE_BYTES + HALF_OPEN_BYTES * attackers.len() as u64;
    if after.saturating_sub(before) <= most {
        Ok(Outcome::Passed)
    } else {
        Err(format!("{} half-open connections cost {} bytes", attackers.len(), after - before))
    }
}

/// What `config show` says of this file.
fn configuration(file: &Path) -> Result<Ended, String> {
    let mut command = Command::new(BINARY);
    Process::start(command.args(["config", "show", "--config"]).arg(file))?.end(WITHIN)
}

fn a_wrong_certificate_is_told_at_its_place() -> Verdict {
    let place = Place::new("tls-config")?;
    let expired = place.authority.sign(&["localhost"], "broker", When::Past)?;
    place.write("expired.pem", &expired.both())?;
    let file = place.folder.path().join("ringmq.toml");
    let text = format!(
        "data-directory = \"{}\"\n[acceptor]\nssl-enabled = true\nkey-store-path = \"../expired.pem\"\n",
        place.data().display()
    );
    std::fs::create_dir_all(place.data()).map_err(|error| error.to_string())?;
    std::fs::write(&file, &text).map_err(|error| error.to_string())?;
    let shown = configuration(&file)?;
    ended("config show", &shown, 3, &["CF023", "ringmq.toml:4:18", "CN=broker,O=Example", "expired.pem has expired"])?;
    std::fs::write(&file, text.replace("expired", "server")).map_err(|error| error.to_string())?;
    // The control.
    ended("config show", &configuration(&file)?, 0, &["server.pem"])?;
    Ok(Outcome::Passed)
}
