//! From the tables of the configuration to what holds for which address.

use config::{AddressTable, Config};

use crate::message::AddressMatch;
use crate::routing::{AddressSettings, FullPolicy, SettingsByAddress, SettingsOfMatch};

/// What the configuration says of addresses.
pub(super) fn of(config: &Config) -> SettingsByAddress {
    let matches = config.addresses.iter().map(|table| (AddressMatch::new(&table.addresses), of_match(table)));
    SettingsByAddress::new(AddressSettings::default(), matches.collect())
}

fn of_match(table: &AddressTable) -> SettingsOfMatch {
    let flag = |setting: &Option<config::Setting<bool>>| setting.as_ref().map(|setting| setting.value);
    SettingsOfMatch {
        auto_create_addresses: flag(&table.auto_create_addresses),
        auto_create_queues: flag(&table.auto_create_queues),
        auto_delete_addresses: flag(&table.auto_delete_addresses),
        auto_delete_queues: flag(&table.auto_delete_queues),
        full_policy: table.full_policy.as_ref().map(|setting| match setting.value {
            config::FullPolicy::Page => FullPolicy::Page,
            config::FullPolicy::Block => FullPolicy::Block,
            config::FullPolicy::Fail => FullPolicy::Fail,
            config::FullPolicy::Drop => FullPolicy::Drop,
        }),
        bytes_max: table.max_size_bytes.as_ref().map(|setting| setting.value.map(config::ByteSize::bytes)),
        messages_max: table.max_size_messages.as_ref().map(|setting| setting.value.map(u64::from)),
    }
}

#[cfg(test)]
mod tests {
    use config::{FileText, Sources};

    use super::*;
    use crate::routing::FullSettings;

    fn read(file: &str) -> SettingsByAddress {
        let sources = Sources { file: Some(FileText::new("ringmq.toml", file)), ..Sources::default() };
        of(&config::load(&sources).unwrap())
    }

    #[test]
    fn both_rooms_have_the_same_defaults() {
        assert_eq!(read("").of("a"), AddressSettings::default());
    }

    #[test]
    fn every_attribute_of_a_match_counts() {
        let settings = read(
            "address.\"a.#\" = { auto-create-addresses = false, auto-create-queues = false, auto-delete-addresses = false, \
             auto-delete-queues = true, address-full-policy = \"FAIL\", max-size-bytes = \"1K\", max-size-messages = 2 }",
        );
        let wanted = AddressSettings {
            auto_create_addresses: false,
            auto_create_queues: false,
            auto_delete_addresses: false,
            auto_delete_queues: true,
            full: FullSettings { policy: FullPolicy::Fail, bytes_max: Some(1024), messages_max: Some(2) },
        };
        assert_eq!((settings.of("a.b"), settings.of("b")), (wanted, AddressSettings::default()));
        // One more attribute needs a value above.
        let rows = config::TABLE.iter().filter(|row| row.scope == config::Scope::Address).count();
        assert_eq!(rows, 7);
    }
}
