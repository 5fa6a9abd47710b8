//! What holds for an address: the settings of every match that covers it, laid over each other.
//!
//! Takes: what each match sets. Gives: all settings of an address. Must stay true: attribute by attribute the most specific match that
//! sets it wins, and what none sets is the default, as in the reference (`HierarchicalObjectRepository`, `AddressSettings.merge`). An
//! address is looked up when it comes into being and when somebody asks about it, never for a message.

use crate::message::AddressMatch;

/// What happens to producers when an address is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FullPolicy {
    /// The message is taken.
    #[default]
    Page,
    /// Producers get no credits until there is room.
    Block,
    /// The send is refused.
    Fail,
    /// The message is thrown away.
    Drop,
}

/// When an address is full, and what then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FullSettings {
    /// What happens.
    pub policy: FullPolicy,
    /// Encoded bytes of an address's messages; none is no limit.
    pub bytes_max: Option<u64>,
    /// Messages of an address; none is no limit.
    pub messages_max: Option<u64>,
}

impl FullSettings {
    /// Can the address be so full that somebody notices?
    pub fn matters(&self) -> bool {
        self.policy != FullPolicy::Page && (self.bytes_max.is_some() || self.messages_max.is_some())
    }
}

/// All that holds for one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressSettings {
    /// It is made by its first use.
    pub auto_create_addresses: bool,
    /// Its queues are made by their first use.
    pub auto_create_queues: bool,
    /// It goes with its last queue, if its first use made it.
    pub auto_delete_addresses: bool,
    /// A queue that its first use made goes when it is empty and its last consumer has gone.
    pub auto_delete_queues: bool,
    /// When it is full, and what then.
    pub full: FullSettings,
}

impl Default for AddressSettings {
    fn default() -> Self {
        Self {
            auto_create_addresses: true,
            auto_create_queues: true,
            auto_delete_addresses: true,
            auto_delete_queues: false,
            full: FullSettings::default(),
        }
    }
}

/// What one match sets; the rest is left to less specific ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettingsOfMatch {
    /// [`AddressSettings::auto_create_addresses`].
    pub auto_create_addresses: Option<bool>,
    /// [`AddressSettings::auto_create_queues`].
    pub auto_create_queues: Option<bool>,
    /// [`AddressSettings::auto_delete_addresses`].
    pub auto_delete_addresses: Option<bool>,
    /// [`AddressSettings::auto_delete_queues`].
    pub auto_delete_queues: Option<bool>,
    /// [`FullSettings::policy`].
    pub full_policy: Option<FullPolicy>,
    /// [`FullSettings::bytes_max`]; `Some(None)` takes away the limit of a less specific match.
    pub bytes_max: Option<Option<u64>>,
    /// [`FullSettings::messages_max`]; likewise.
    pub messages_max: Option<Option<u64>>,
}

impl SettingsOfMatch {
    /// Takes what it does not set from a less specific one.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            auto_create_addresses: self.auto_create_addresses.or(other.auto_create_addresses),
            auto_create_queues: self.auto_create_queues.or(other.auto_create_queues),
            auto_delete_addresses: self.auto_delete_addresses.or(other.auto_delete_addresses),
            auto_delete_queues: self.auto_delete_queues.or(other.auto_delete_queues),
            full_policy: self.full_policy.or(other.full_policy),
            bytes_max: self.bytes_max.or(other.bytes_max),
            messages_max: self.messages_max.or(other.messages_max),
        }
    }

    fn over(self, defaults: AddressSettings) -> AddressSettings {
        AddressSettings {
            auto_create_addresses: self.auto_create_addresses.unwrap_or(defaults.auto_create_addresses),
            auto_create_queues: self.auto_create_queues.unwrap_or(defaults.auto_create_queues),
            auto_delete_addresses: self.auto_delete_addresses.unwrap_or(defaults.auto_delete_addresses),
            auto_delete_queues: self.auto_delete_queues.unwrap_or(defaults.auto_delete_queues),
            full: FullSettings {
                policy: self.full_policy.unwrap_or(defaults.full.policy),
                bytes_max: self.bytes_max.unwrap_or(defaults.full.bytes_max),
                messages_max: self.messages_max.unwrap_or(defaults.full.messages_max),
            },
        }
    }
}

/// The settings of all addresses. By default no match sets anything.
#[derive(Clone, Debug, Default)]
pub struct SettingsByAddress {
    /// What holds where no match says otherwise.
    defaults: AddressSettings,
    /// The most specific one first.
    matches: Vec<(AddressMatch, SettingsOfMatch)>,
}

impl SettingsByAddress {
    /// These matches, in any order, over these defaults. The same match twice counts as the one that comes first.
    pub fn new(defaults: AddressSettings, mut matches: Vec<(AddressMatch, SettingsOfMatch)>) -> Self {
        matches.sort_by(|(one, _), (other, _)| one.specificity(other));
        Self { defaults, matches }
    }

    /// The same for every address.
    pub fn all(settings: AddressSettings) -> Self {
        Self::new(settings, Vec::new())
    }

    /// What holds for this address.
    pub fn of(&self, address: &str) -> AddressSettings {
        let covering = self.matches.iter().filter(|(covers, _)| covers.covers(address));
        let merged = covering.fold(SettingsOfMatch::default(), |merged, (_, settings)| merged.or(*settings));
        merged.over(self.defaults)
    }

    /// May there be an address that can be so full that somebody notices? If not, nobody need ask.
    pub fn may_be_full(&self) -> bool {
        let FullSettings { policy, bytes_max, messages_max } = self.defaults.full;
        let set = || self.matches.iter().map(|(_, settings)| settings);
        let mut policies = set().filter_map(|settings| settings.full_policy).chain([policy]);
        let limits = set().flat_map(|settings| [settings.bytes_max.flatten(), settings.messages_max.flatten()]);
        policies.any(|policy| policy != FullPolicy::Page)
            && limits.chain([bytes_max, messages_max]).any(|limit| limit.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words of names and matches, up to so many.
    fn all(words: &[&str], length: usize) -> Vec<String> {
        let mut found: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let mut last = found.clone();
        for _ in 1..length {
            last = last.iter().flat_map(|name| words.iter().map(move |word| format!("{name}.{word}"))).collect();
            found.extend(last.iter().cloned());
        }
        found
    }

    /// As it is defined: of the matches that cover the name and set the attribute, one that no other is more specific than.
    fn plain<T: Copy>(
        matches: &[(AddressMatch, SettingsOfMatch)],
        name: &str,
        attribute: impl Fn(&SettingsOfMatch) -> Option<T>,
    ) -> Option<T> {
        let setting = || matches.iter().filter(|(covers, set)| covers.covers(name) && attribute(set).is_some());
        let best = setting().find(|(one, _)| setting().all(|(other, _)| one.specificity(other).is_le()));
        best.and_then(|(_, set)| attribute(set))
    }

    #[test]
    fn each_attribute_comes_from_the_most_specific_match_that_sets_it() {
        let patterns = all(&["a", "b", "*", "#"], 3);
        // Each match says its number, one in three of each attribute, so that neighbours set different ones.
        let matches: Vec<_> = (0_u64..)
            .zip(&patterns)
            .map(|(number, text)| {
                let set = SettingsOfMatch {
                    bytes_max: (number % 3 == 0).then_some(Some(number)),
                    messages_max: (number % 3 == 1).then_some((number % 2 == 0).then_some(number)),
                    auto_create_queues: (number % 3 == 2).then_some(number % 2 == 0),
                    ..SettingsOfMatch::default()
                };
                (AddressMatch::new(text), set)
            })
            .collect();
        let defaults = AddressSettings::default();
        let mut other_than_default = 0;
        for few in [1, 2, 3, 7, patterns.len()] {
            let some: Vec<_> = matches.iter().skip(few % 2).step_by(patterns.len() / few).cloned().collect();
            let by_address = SettingsByAddress::new(defaults, some.clone());
            for name in all(&["a", "b", "c"], 4) {
                let wanted = AddressSettings {
                    auto_create_queues: plain(&some, &name, |set| set.auto_create_queues)
                        .unwrap_or(defaults.auto_create_queues),
                    full: FullSettings {
                        policy: FullPolicy::Page,
                        bytes_max: plain(&some, &name, |set| set.bytes_max).flatten(),
                        messages_max: plain(&some, &name, |set| set.messages_max).flatten(),
                    },
                    ..defaults
                };
                assert_eq!(by_address.of(&name), wanted, "{name} of {some:?}");
                other_than_default += usize::from(wanted != defaults);
            }
        }
        assert!(other_than_default > 100, "{other_than_default}");
    }

    #[test]
    fn a_limit_of_one_match_can_be_taken_away_by_another() {
        let limited = SettingsOfMatch {
            bytes_max: Some(Some(1)),
            full_policy: Some(FullPolicy::Fail),
            ..SettingsOfMatch::default()
        };
        let free = SettingsOfMatch { bytes_max: Some(None), ..SettingsOfMatch::default() };
        let matches = vec![(AddressMatch::new("#"), limited), (AddressMatch::new("a.#"), free)];
        let settings = SettingsByAddress::new(AddressSettings::default(), matches);
        assert!(settings.may_be_full());
        assert!(settings.of("b").full.matters());
        let full = settings.of("a.b").full;
        assert_eq!((full.policy, full.matters()), (FullPolicy::Fail, false));
    }

    #[test]
    fn nobody_need_ask_where_no_match_has_policy_and_limit() {
        let policy = SettingsOfMatch { full_policy: Some(FullPolicy::Block), ..SettingsOfMatch::default() };
        let limit = SettingsOfMatch { messages_max: Some(Some(1)), ..SettingsOfMatch::default() };
        let both = |sets: &[SettingsOfMatch]| {
            let matches = sets.iter().map(|set| (AddressMatch::new("a"), *set)).collect();
            SettingsByAddress::new(AddressSettings::default(), matches).may_be_full()
        };
        assert_eq!([both(&[]), both(&[policy]), both(&[limit]), both(&[policy, limit])], [false, false, false, true]);
    }
}
