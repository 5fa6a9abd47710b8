//! Apache ActiveMQ Classic: its distribution from Maven Central, KahaDB with a disk sync before each receipt, STOMP.
//!
//! The release line is that of Debian 12. Its package wants to lie in `/usr`, which only root may do; the distribution needs no place of its
//! own.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::artemis::fetch_archive;
use super::fetch::{self, Told};
use super::recipe::{Recipe, Settings, write};
use super::wire::stomp::Stomp;
use crate::targets::{Place, Protocol};

/// The release that is measured.
const VERSION: &str = "5.17.6";

#[derive(Debug)]
pub(super) struct ActiveMq;

impl Recipe for ActiveMq {
    fn protocol(&self) -> Protocol {
        Protocol::Stomp
    }

    fn destination(&self, queue: &str) -> String {
        format!("/queue/{queue}")
    }

    fn install(&self, home: &Path, told: Told<'_>) -> Result<(), String> {
        if !fetch::is_there("java") {
            return Err(
                "java is missing: install a Java runtime of release 17 (Debian: openjdk-17-jre-headless)".to_owned()
            );
        }
        fetch_archive(home, "org.apache.activemq:apache-activemq", VERSION, "apache-activemq", told)
    }

    fn version(&self, home: &Path) -> Result<String, String> {
        let program = distribution(home).join("bin/activemq.jar");
        if program.is_file() { Ok(VERSION.to_owned()) } else { Err(format!("{} is not there", program.display())) }
    }

    fn settings(&self, _home: &Path) -> Settings {
        Settings::new(&[
            ("journalDiskSyncStrategy", "always"),
            ("concurrentStoreAndDispatchQueues", "false"),
            ("java-memory", "2G"),
        ])
    }

    fn prepare(&self, _home: &Path, place: &Place, settings: &Settings) -> Result<(), String> {
        // It is asked for on the command line, which has no settings.
        write(&place.directory.join("memory"), settings.get("java-memory"))?;
        write(&configuration(place), &render(place, settings))
    }

    fn command(&self, home: &Path, place: &Place) -> Command {
        let distribution = distribution(home);
        let memory = std::fs::read_to_string(place.directory.join("memory")).unwrap_or_else(|_| "2G".to_owned());
        let mut command = Command::new("java");
        command.arg(format!("-Xms{memory}")).arg(format!("-Xmx{memory}"));
        command.arg(format!("-Dactivemq.home={}", distribution.display()));
        command.arg(format!("-Dactivemq.base={}", place.directory.display()));
        command.arg(format!("-Dactivemq.conf={}", place.directory.display()));
        command.arg(format!("-Dactivemq.data={}", self.store(place).display()));
        command.arg("-jar").arg(distribution.join("bin/activemq.jar")).arg("start");
        command.arg(format!("xbean:file:{}", configuration(place).display()));
        command
    }

    fn probe(&self, port: u16, _queue: &str) -> Result<(), String> {
        // A queue is made by its first use.
        Stomp::connect(port).map(drop)
    }
}

fn distribution(home: &Path) -> PathBuf {
    home.join(format!("apache-activemq-{VERSION}"))
}

fn configuration(place: &Place) -> PathBuf {
    place.directory.join("activemq.xml")
}

fn render(place: &Place, settings: &Settings) -> String {
    format!(
        r#"<beans xmlns="http://www.springframework.org/schema/beans" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans.xsd
  http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker xmlns="http://activemq.apache.org/schema/core" brokerName="bench" dataDirectory="{data}" useJmx="false">
    <destinations><queue physicalName="{queue}"/></destinations>
    <persistenceAdapter>
      <kahaDB directory="{data}/kahadb" journalDiskSyncStrategy="{sync}" concurrentStoreAndDispatchQueues="{concurrent}"/>
    </persistenceAdapter>
    <transportConnectors>
      <transportConnector name="stomp" uri="stomp+nio://127.0.0.1:{port}"/>
    </transportConnectors>
  </broker>
</beans>
"#,
        data = place.directory.join("data").display(),
        queue = place.queue,
        sync = settings.get("journalDiskSyncStrategy"),
        concurrent = settings.get("concurrentStoreAndDispatchQueues"),
        port = place.port,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_syncs_each_write() {
        let place = Place { directory: PathBuf::from("/x"), port: 61613, queue: "q".to_owned(), settings: Vec::new() };
        let text = render(&place, &ActiveMq.settings(Path::new("/home")));
        assert!(
            text.contains("journalDiskSyncStrategy=\"always\" concurrentStoreAndDispatchQueues=\"false\""),
            "{text}"
        );
        assert!(
            text.contains("directory=\"/x/data/kahadb\"") && text.contains("stomp+nio://127.0.0.1:61613"),
            "{text}"
        );
        assert!(text.contains("physicalName=\"q\""), "{text}");
    }
}
