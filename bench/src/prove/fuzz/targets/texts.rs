//! What people write: broker URLs and the configuration file.

use config::{FileText, Sources, TABLE, load};
use ringmq_client::{BrokerUrl, ConnectOptions};

use super::{refused, walk};
use crate::prove::fuzz::target::Target;
use crate::prove::random::Random;

/// The TOML parser keeps a token, an event and an error for every byte or two that may be one, such as a line's end. The file is the
/// operator's own, and no more than 1 MiB of it is read.
const CONFIGURATION_FACTOR: u64 = 512;

pub(super) fn targets() -> Vec<Target> {
    vec![url(), configuration()]
}

/// What is no text becomes text.
pub(super) fn to_text(bytes: &mut Vec<u8>, _: &mut Random) {
    if std::str::from_utf8(bytes).is_err() {
        *bytes = String::from_utf8_lossy(bytes).into_owned().into_bytes();
    }
}

fn url() -> Target {
    let examples = [
        "tcp://localhost:61616",
        "tcp://[::1]:61616?ha=true&reconnectAttempts=-1",
        "(tcp://a:1,tcp://b:2)?ha=true&retryInterval=100&confirmationWindowSize=1048576",
        "(tcp://a:1?callTimeout=30000,tcp://b)?initialConnectAttempts=5",
        "tcp://broker?user=a%20b&password=%C3%A9&clientFailureCheckPeriod=30000&connectionTTL=60000",
    ];
    Target::new("url", examples.map(|text| text.as_bytes().to_vec()).into(), |bytes, _| {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        match text.parse::<BrokerUrl>() {
            Ok(url) => {
                let asked =
                    (url.endpoints().first().map(ToString::to_string), url.flag("ha"), url.number("connectionTTL"));
                walk(&url) && walk(&asked) && walk(&ConnectOptions::from_url(&url))
            }
            Err(error) => refused(&error),
        }
    })
    .repaired(to_text)
}

fn configuration() -> Target {
    let plain = |text: &str| text.parse::<i64>().is_ok() || text.parse::<bool>().is_ok();
    let settings = TABLE.iter().map(|row| {
        let value = if plain(row.default) { row.default.to_owned() } else { format!("{:?}", row.default) };
        (row.scope, format!("{} = {value}\n", row.name))
    });
    let mut examples: Vec<Vec<u8>> =
        settings.map(|(scope, line)| format!("{}\n{line}", scope.heading()).into_bytes()).collect();
    let by_hand = [
        "journal-lanes = 2\njournal-file-size = \"10MiB\"\n",
        "[[acceptor]]\nhost = \"::1\"\nport = 0\n",
        "[acceptor]\nport = 61616\n[address.'#']\n",
        "# nothing\n",
        "connection-ttl-override = \"1min\"\njournal-sync-transactional = true\n",
    ];
    examples.extend(by_hand.map(|text| text.as_bytes().to_vec()));
    Target::new("configuration", examples, |bytes, _| {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        match load(&Sources { file: Some(FileText::new("fuzz", text)), ..Sources::default() }) {
            Ok(config) => walk(&config),
            Err(report) => refused(&report),
        }
    })
    .repaired(to_text)
    .allowed(CONFIGURATION_FACTOR)
}
